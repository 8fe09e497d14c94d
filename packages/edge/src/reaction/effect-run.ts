import type { MethodDefinition } from '@grpc/grpc-js';
import { unlessUndone } from '@banyan/runtime';
import type { ClientBase } from 'pg';
import type { Admission, Recorded } from './admission.js';
import { NO_REFUSALS, ReactionRefusal, type Refusals } from './reaction-refusal.js';
import type { Effect, EffectContext } from './receiver-options.js';

export interface EffectRunParts<Request, Response> {
  admission: Admission;
  method: MethodDefinition<Request, Response>;
  effect: Effect<Request, Response>;
  refusals: Refusals;
  maxAnswerBytes: number;
}

/** How an effect ended: with an answer, or with a no of the business's rules. */
export type Ended<Response> = { outcome: 'done'; response: Response } | { outcome: 'refused'; error: Error };

/** Does an admitted effect and records how it ended, in the transaction that admitted it. */
export class EffectRun<Request, Response> {
  readonly #parts: EffectRunParts<Request, Response>;

  constructor(parts: EffectRunParts<Request, Response>) {
    this.#parts = parts;
  }

  /** @throws what the effect threw, unless it is a refusal; the transaction is then to be rolled back */
  async run(
    tx: ClientBase,
    request: Request,
    context: EffectContext & { eventId: string },
  ): Promise<Ended<Response>> {
    const ended = await this.#tried(tx, request, context);
    await this.#parts.admission.settle(tx, context.eventId, this.#recordOf(ended));
    return ended;
  }

  /** What was recorded, for one that came second. */
  restored({ outcome, answer }: Recorded): Ended<Response> {
    if (answer === null) {
      const details = 'the effect was done before, and its answer was too large to be kept';
      return { outcome: 'refused', error: new ReactionRefusal('REACTION_ANSWER_NOT_KEPT', details) };
    }
    return outcome === 'done'
      ? { outcome, response: this.#parts.method.responseDeserialize(answer) }
      : { outcome, error: this.#parts.refusals.restore(answer.toString('utf8')) };
  }

  /** A refusal undoes what the effect wrote, but not the record of it. */
  async #tried(tx: ClientBase, request: Request, context: EffectContext): Promise<Ended<Response>> {
    if (this.#parts.refusals === NO_REFUSALS)
      return { outcome: 'done', response: await this.#parts.effect(tx, request, context) };
    await tx.query('savepoint banyan_effect');
    try {
      const response = await unlessUndone(() => this.#parts.effect(tx, request, context));
      await tx.query('release savepoint banyan_effect');
      return { outcome: 'done', response };
    } catch (error) {
      if (!(error instanceof Error) || this.#parts.refusals.record(error) === undefined) throw error;
      await tx.query('rollback to savepoint banyan_effect');
      return { outcome: 'refused', error };
    }
  }

  #recordOf(ended: Ended<Response>): Recorded {
    if (ended.outcome === 'refused') {
      const recorded = this.#parts.refusals.record(ended.error) ?? '';
      return { outcome: 'refused', answer: Buffer.from(recorded, 'utf8') };
    }
    const answer = this.#parts.method.responseSerialize(ended.response);
    return { outcome: 'done', answer: answer.length > this.#parts.maxAnswerBytes ? null : answer };
  }
}
