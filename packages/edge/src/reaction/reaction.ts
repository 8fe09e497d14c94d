import type { EventDefinition } from '@banyan/contracts';
import {
  stageReportOf,
  type EdgeReporting,
  type SourcedStage,
  type ReactionCallerReport,
  type ReactionStage,
  type RunningStage,
} from '@banyan/control';
import type { Emission } from '@banyan/outbox';
import { messageOf } from '@banyan/runtime';
import { metadataOf, type ReactionCall } from './call-metadata.js';
import { ChangeCounts } from './change-counts.js';
import { resolveReactionOptions, type ReactionOptions, type ResolvedReaction } from './reaction-options.js';
import { stampedStage, type Stamp } from './stamp.js';
import { isTriggeredBy } from './trigger.js';

/** What one edge has to do with an event that is being emitted. */
export interface Planned {
  stamp: Stamp;
  /** What is left to do once the event is committed. It never throws. */
  afterCommit: (emission: Emission) => Promise<void>;
}

/** A reaction whatever its request is. */
export interface AnyReaction extends EdgeReporting {
  readonly stage: SourcedStage<'reaction'>;
  plan: (event: EventDefinition, data: unknown, running: RunningStage<ReactionStage>) => Planned | undefined;
}

/**
 * Declares "I did X, now you do Y" on the side that did X. Give it to `reactions`, and emit X's event through that.
 *
 * @throws BANYAN_EDGE_INVALID, BANYAN_STAGE_INVALID, BANYAN_OPTION_INVALID
 */
export function reaction<Request>(options: ReactionOptions<Request>): Reaction<Request> {
  return new Reaction(options);
}

const none = () => ({ emitted: 0, ok: 0, failed: 0 });

/** One reaction edge at its caller; see `reaction`. */
export class Reaction<Request> implements AnyReaction {
  readonly stage: SourcedStage<'reaction'>;
  readonly #options: ResolvedReaction<Request>;
  readonly #counts = new ChangeCounts(none);

  constructor(given: ReactionOptions<Request>) {
    const options = resolveReactionOptions(given);
    this.#options = options;
    this.stage = options.stages.edge({ edge: options.edge, kind: 'reaction', stages: options.ladder });
  }

  report(detail: boolean): ReactionCallerReport {
    const evidence = detail ? this.#counts.all() : [];
    return {
      ...stageReportOf(this.stage),
      side: 'caller',
      evidence: evidence.map(({ counts: { emitted, ok, failed }, ...change }) => ({
        ...change,
        emitted,
        calls: { ok, failed },
      })),
    };
  }

  /** @param running read once for all that belongs together */
  plan(event: EventDefinition, data: unknown, running: RunningStage<ReactionStage>): Planned | undefined {
    const request = this.#options.triggers.find((each) => isTriggeredBy(each, event))?.requestOf(data);
    if (request === undefined) return undefined;
    const stage = stampedStage(running.stage);
    return {
      stamp: { edge: this.stage.name, stage },
      afterCommit: async (emission) => {
        const counts = this.#counts.of(running);
        counts.emitted += 1;
        if (stage === 'event') return;
        counts[(await this.#call(request, this.#callOf(running, emission))) ? 'ok' : 'failed'] += 1;
      },
    };
  }

  #callOf({ stage, change }: RunningStage<ReactionStage>, emission: Emission): ReactionCall {
    const { id, atMs, event, version } = emission;
    const key = `${event.aggregate}/${emission.key}`;
    const { source } = event;
    return { edge: this.stage.name.key, eventId: id, stage, change, source, key, version, emittedAtMs: atMs };
  }

  /** The event's transaction stands whatever becomes of the call. */
  async #call(request: Request, call: ReactionCall): Promise<boolean> {
    const { timeoutMs, logger, edge } = this.#options;
    try {
      const origin = { deadlineMs: Date.now() + timeoutMs, metadata: metadataOf(call) };
      await this.#options.call(request, origin);
      return true;
    } catch (error) {
      const fields = { edge, eventId: call.eventId, cause: messageOf(error) };
      if (call.stage === 'call') logger.error('effect lost', fields);
      else logger.info('a call failed, its effect is left to the event', fields);
      return false;
    }
  }
}
