import {
  noComparisons,
  noFallbacks,
  type ChangeEvidence,
  type Counterexample,
  type FallbackReason,
  type RunningStage,
} from '@banyan/control';
import { build, type Histogram } from 'hdr-histogram-js';
import type { Judgement } from './comparison.js';

const MAX_CHANGES = 16;
const MAX_COUNTEREXAMPLES = 10;
/** Histograms count microseconds, to two digits, up to two minutes: some 12 KB each, whatever the load. */
const HIGHEST_US = 120_000_000;

/** What is measured on one edge, per change of its stage; the last 16 changes since the process started. */
export class Evidence {
  readonly #tallies = new Map<string, ChangeTally>();
  #latest: { running: RunningStage; tally: ChangeTally } | undefined;

  /** The counters of the change that a call runs under. A call counts where it began, however late its results come. */
  of(running: RunningStage): ChangeTally {
    if (this.#latest?.running === running) return this.#latest.tally;
    const tally = this.#tallies.get(keyOf(running)) ?? this.#open(running);
    this.#latest = { running, tally };
    return tally;
  }

  report(): ChangeEvidence[] {
    return [...this.#tallies.values()].map((tally) => tally.report());
  }

  #open(running: RunningStage): ChangeTally {
    const tally = new ChangeTally(running);
    this.#tallies.set(keyOf(running), tally);
    const [oldest] = this.#tallies.keys();
    if (this.#tallies.size > MAX_CHANGES && oldest !== undefined) this.#tallies.delete(oldest);
    return tally;
  }
}

const keyOf = ({ change, changeId }: RunningStage): string => `${change} ${changeId}`;

/** The counters of one change. */
export class ChangeTally {
  readonly #running: RunningStage;
  readonly #calls = { ok: 0, failed: 0, byReplica: 0 };
  readonly #comparisons = noComparisons();
  readonly #fallbacks = noFallbacks();
  readonly #latency = newHistogram();
  readonly #late = newHistogram();
  readonly #counterexamples: Counterexample[] = [];

  constructor(running: RunningStage) {
    this.#running = running;
  }

  /** @param tookMs as its caller saw it */
  call(tookMs: number, result: { ok: boolean; byReplica: boolean }): void {
    this.#calls[result.ok ? 'ok' : 'failed'] += 1;
    if (result.byReplica) this.#calls.byReplica += 1;
    record(this.#latency, tookMs);
  }

  fallback(reason: FallbackReason): void {
    this.#fallbacks[reason] += 1;
  }

  shed(): void {
    this.#comparisons.shed += 1;
  }

  comparison(judgement: Judgement): void {
    this.#comparisons[judgement.outcome] += 1;
    if (judgement.lateMs !== undefined) record(this.#late, judgement.lateMs);
    if (judgement.outcome === 'equal' || judgement.outcome === 'late') return;
    const { outcome, version, fields = [], note } = judgement;
    const at = new Date().toISOString();
    this.#counterexamples.push({ outcome, at, version, fields, ...(note === undefined ? {} : { note }) });
    if (this.#counterexamples.length > MAX_COUNTEREXAMPLES) this.#counterexamples.shift();
  }

  report(): ChangeEvidence {
    const { change, changeId, stage } = this.#running;
    return {
      change,
      changeId,
      stage,
      calls: { ...this.#calls },
      latencyMs: percentilesOf(this.#latency),
      comparisons: { ...this.#comparisons },
      lateMs: percentilesOf(this.#late),
      fallbacks: { ...this.#fallbacks },
      counterexamples: [...this.#counterexamples],
    };
  }
}

function newHistogram(): Histogram {
  return build({
    bitBucketSize: 32,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 2,
  });
}

function record(histogram: Histogram, ms: number): void {
  histogram.recordValue(Math.min(HIGHEST_US, Math.max(0, Math.round(ms * 1_000))));
}

function percentilesOf(histogram: Histogram): ChangeEvidence['latencyMs'] {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1_000;
  return { count: histogram.totalCount, p50: at(50), p99: at(99), max: histogram.maxValue / 1_000 };
}
