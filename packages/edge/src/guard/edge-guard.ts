import {
  SequentialTest,
  type ComparisonOutcome,
  type Connection,
  type SourcedStage,
  type FallbackReason,
} from '@banyan/control';
import { systemClock, type Logger } from '@banyan/runtime';
import type { ResolvedGuard } from './guard-options.js';
import { TripTeller } from './trip-teller.js';
import { WindowCounts } from './window-counts.js';

/** A guard looks again after every comparison in an ever moving window, so it has to be surer than a gate. */
const CONFIDENCE = 0.999;

export interface GuardParts {
  stage: SourcedStage<'query'>;
  /** Undefined: there is nobody to tell. */
  connection: Connection | undefined;
  options: ResolvedGuard;
  logger: Logger;
}

/**
 * Takes an edge one stage back as soon as its replica does callers harm: in this process at once, for all by the store
 * afterwards. States: watching → tripped, until a change newer than the one in force → resting for the cool-down, if the
 * change was its own → watching. It acts only where the replica answers callers, trips once a change, and never goes below
 * the floor. At `replica` no answer is compared, so wrong ones trip it at `prefer-replica` only.
 */
export class EdgeGuard {
  readonly #parts: GuardParts;
  readonly #disagreement: SequentialTest;
  readonly #counts: WindowCounts<'agreed' | 'disagreed' | 'read' | 'failed' | 'slow'>;
  readonly #teller: TripTeller;
  #staleSinceMs: number | undefined;
  #lastTripMs = -Infinity;

  constructor(parts: GuardParts) {
    const { stage, options } = parts;
    this.#parts = parts;
    this.#disagreement = new SequentialTest({
      maxDisagreement: options.maxDisagreement,
      confidence: CONFIDENCE,
    });
    this.#counts = new WindowCounts(options.windowMs);
    this.#teller = new TripTeller(parts);
    stage.onChange(() => this.#forget());
  }

  /** @param changeId of the change that the compared call ran under */
  compared(outcome: ComparisonOutcome, changeId: string): void {
    const agrees = outcome === 'equal' || outcome === 'late';
    const disagrees = outcome === 'wrong' || outcome === 'missing' || outcome === 'extra';
    if (!this.#acts || changeId !== this.#parts.stage.running.changeId || !(agrees || disagrees)) return;
    this.#counts.add(agrees ? 'agreed' : 'disagreed', systemClock.monotonicMs());
    if (!disagrees) return;
    const [agreed, disagreed] = [this.#counts.of('agreed'), this.#counts.of('disagreed')];
    if (this.#disagreement.judge({ agreed, disagreed }).outcome !== 'fail') return;
    this.#trip(`wrong answers: ${disagreed} of ${agreed + disagreed} comparisons disagree`);
  }

  /** The replica was asked for a caller. @param reason why it did not answer; undefined: it did */
  read(tookMs: number, reason?: FallbackReason): void {
    if (!this.#acts) return;
    const nowMs = systemClock.monotonicMs();
    const { slowMs } = this.#parts.options;
    this.#counts.add('read', nowMs);
    if (reason === 'error' || reason === 'timeout' || reason === 'busy') this.#counts.add('failed', nowMs);
    else if (slowMs > 0 && tookMs > slowMs) this.#counts.add('slow', nowMs);
    this.#judgeAge(reason === 'stale', nowMs);
    this.#judgeReads();
  }

  /** Stops telling. The trip holds in this process for as long as it lives. */
  stop(): void {
    this.#teller.stop();
  }

  get #acts(): boolean {
    const { stage, options } = this.#parts;
    const { running, trip } = stage;
    const answers = running.stage === 'prefer-replica' || running.stage === 'replica';
    // Where another flag provider decides, no guard here can.
    return options.enabled && answers && trip === undefined && stage.tripBack !== undefined;
  }

  #judgeReads(): void {
    const { maxFailures, minReads } = this.#parts.options;
    const [reads, failed, slow] = [
      this.#counts.of('read'),
      this.#counts.of('failed'),
      this.#counts.of('slow'),
    ];
    if (reads < minReads || failed + slow <= reads * maxFailures) return;
    this.#trip(
      failed >= slow
        ? `errors: ${failed} of ${reads} reads of the replica failed`
        : `latency: ${slow} of ${reads} reads of the replica took over ${this.#parts.options.slowMs} ms`,
    );
  }

  #judgeAge(isStale: boolean, nowMs: number): void {
    const { staleForMs } = this.#parts.options;
    this.#staleSinceMs = isStale ? (this.#staleSinceMs ?? nowMs) : undefined;
    if (staleForMs === 0 || this.#staleSinceMs === undefined) return;
    const forMs = Math.round(nowMs - this.#staleSinceMs);
    if (forMs >= staleForMs) this.#trip(`staleness: the replica has been over its budget for ${forMs} ms`);
  }

  #trip(cause: string): void {
    const { stage, options, logger } = this.#parts;
    const nowMs = systemClock.monotonicMs();
    if (nowMs - this.#lastTripMs < options.coolDownMs) return;
    const trip = stage.tripBack?.(cause);
    if (trip === undefined) return;
    this.#lastTripMs = nowMs;
    logger.error('the guard takes an edge back', { edge: stage.name.text, ...trip });
    void this.#teller.tell(trip);
  }

  #forget(): void {
    this.#counts.clear();
    this.#staleSinceMs = undefined;
  }
}
