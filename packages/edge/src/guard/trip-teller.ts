import { changeStage, type Connection, type GuardTrip, type SourcedStage } from '@banyan/control';
import { isBanyanError, messageOf, wait, type Logger } from '@banyan/runtime';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;

export interface TripTellerParts {
  stage: SourcedStage<'query'>;
  /** Undefined: there is nobody to tell. */
  connection: Connection | undefined;
  logger: Logger;
}

/** Makes a process's trip a change for all, as soon as the broker can be reached; unless another change was faster. */
export class TripTeller {
  readonly #parts: TripTellerParts;
  readonly #abort = new AbortController();

  constructor(parts: TripTellerParts) {
    this.#parts = parts;
  }

  async tell(trip: GuardTrip): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!this.#abort.signal.aborted && this.#parts.stage.trip === trip) {
      if (await this.#told(trip)) return;
      await wait(pauseMs, this.#abort.signal);
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    }
  }

  stop(): void {
    this.#abort.abort();
  }

  async #told({ from, to, cause }: GuardTrip): Promise<boolean> {
    const { stage, connection, logger } = this.#parts;
    const edge = stage.name.text;
    if (connection === undefined) return true;
    const evidence = { outcome: 'fail', reasons: [cause] };
    const write = {
      edge,
      stage: to,
      from,
      by: 'guard',
      why: cause,
      evidence,
      expected: stage.record?.changeId,
    };
    try {
      // Whether all processes run it is for `banyan status` to say.
      await changeStage(await connection, { ...write, waitMs: 250, timeoutMs: 0 });
      return true;
    } catch (error) {
      if (isBanyanError(error, 'BANYAN_STAGE_CONFLICT')) return true;
      logger.warn('cannot tell of a trip yet', { edge, error: messageOf(error) });
      return false;
    }
  }
}
