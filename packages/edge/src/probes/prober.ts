import {
  parityCountsOf,
  SequentialTest,
  type ComparisonCounts,
  type ParityTarget,
  type QueryStage,
  type RunningStage,
  type SourcedStage,
} from '@banyan/control';
import { Loop, messageOf, type Logger, type Round } from '@banyan/runtime';
import type { ChangeTally, Evidence } from '../comparison/evidence.js';
import { ProbeRequests, type ProbeSource } from './probe-requests.js';

export interface ProberParts<Request> {
  stage: Pick<SourcedStage<'query'>, 'name' | 'running'>;
  source: ProbeSource<Request>;
  everyMs: number;
  /** What the gate will ask for. */
  target: ParityTarget;
  /** Strata that must have been compared. */
  strata: readonly string[];
  stratumOf: (request: Request) => string | undefined;
  evidence: Evidence;
  /** Asks both sides, off everybody's path. */
  ask: (request: Request, tally: ChangeTally) => Promise<void>;
  logger: Logger;
}

/** At these stages calls are compared. At the others nothing is to be learnt, or one side may be gone. */
const COMPARED: ReadonlySet<QueryStage> = new Set(['shadow', 'prefer-replica']);

/**
 * Asks what callers ask too seldom. States: idle (at a stage where nothing is compared, or with evidence enough) ↔ asking
 * one request every so many ms, if its stratum lacks evidence; → stopped.
 */
export class Prober<Request> {
  readonly #parts: ProberParts<Request>;
  readonly #requests: ProbeRequests<Request>;
  readonly #test: SequentialTest;
  readonly #loop: Loop;

  constructor(parts: ProberParts<Request>) {
    this.#parts = parts;
    this.#requests = new ProbeRequests(parts.source);
    this.#test = new SequentialTest(parts.target);
    const pause: Round = { next: 'after', delayMs: parts.everyMs };
    this.#loop = new Loop({
      runOnce: async () => {
        await this.#runOnce();
        return pause;
      },
      onError: (error) => {
        parts.logger.warn('cannot probe', { edge: parts.stage.name.text, error: messageOf(error) });
        return Promise.resolve(pause);
      },
    });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.#requests.stop();
  }

  async #runOnce(): Promise<void> {
    const tally = this.#tally();
    if (tally === undefined || !this.#isWanted(tally)) return;
    const request = await this.#requests.next();
    // The stage may have changed meanwhile.
    if (request === undefined || this.#tally() !== tally) return;
    if (this.#lacks(tally.countsOf(this.#parts.stratumOf(request)))) await this.#parts.ask(request, tally);
  }

  /** The counters of the present change where calls are compared; undefined: they are not. */
  #tally(): ChangeTally | undefined {
    const { stage, evidence } = this.#parts;
    const compared = comparedStage(stage.running);
    return compared === undefined ? undefined : evidence.of(stage.running, compared);
  }

  /** Whether there is anything to be learnt. */
  #isWanted(tally: ChangeTally): boolean {
    const names = [undefined, ...this.#parts.strata, ...tally.strata];
    return names.some((name) => this.#lacks(tally.countsOf(name)));
  }

  #lacks(counts: ComparisonCounts): boolean {
    return this.#test.judge(parityCountsOf(counts)).outcome === 'not-enough';
  }
}

/** During a ramp a process runs two stages. */
function comparedStage({ stage, ramp }: RunningStage<QueryStage>): QueryStage | undefined {
  return [stage, ramp?.from].find((each) => each !== undefined && COMPARED.has(each));
}
