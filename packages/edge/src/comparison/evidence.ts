import {
  noCacheCounts,
  noComparisons,
  noFallbacks,
  type CacheCounts,
  type ChangeEvidence,
  type ComparisonCounts,
  type Counterexample,
  type FallbackReason,
  type QueryStage,
  type RunningStage,
} from '@banyan/control';
import { build, type Histogram } from 'hdr-histogram-js';
import type { Judgement } from './comparison.js';
import { Strata, type ComparisonSubject } from './strata.js';

/** A change that ramps has two tallies: one for each of its stages. */
const MAX_TALLIES = 16;
const MAX_COUNTEREXAMPLES = 10;
/** Histograms count microseconds, to two digits, up to two minutes: some 12 KB each, whatever the load. */
const HIGHEST_US = 120_000_000;

/** What is measured on one edge, per change and the stage that the calls ran at; the last 16 of them. */
export class Evidence {
  readonly #tallies = new Map<string, ChangeTally>();
  readonly #strata: readonly string[];
  #latest: { running: RunningStage<QueryStage>; stage: QueryStage; tally: ChangeTally } | undefined;

  /** @param strata those that are declared */
  constructor(strata: readonly string[] = []) {
    this.#strata = strata;
  }

  /**
   * The counters of the change that a call runs under, at the stage that it runs at: during a ramp that depends on its
   * request. A call counts where it began, however late its results come.
   */
  of(running: RunningStage<QueryStage>, stage: QueryStage = running.stage): ChangeTally {
    if (this.#latest?.running === running && this.#latest.stage === stage) return this.#latest.tally;
    const tally = this.#tallies.get(keyOf(running, stage)) ?? this.#open(running, stage);
    this.#latest = { running, stage, tally };
    return tally;
  }

  report(): ChangeEvidence[] {
    return [...this.#tallies.values()].map((tally) => tally.report());
  }

  #open(running: RunningStage<QueryStage>, stage: QueryStage): ChangeTally {
    const tally = new ChangeTally({ ...running, stage }, this.#strata);
    this.#tallies.set(keyOf(running, stage), tally);
    const [oldest] = this.#tallies.keys();
    if (this.#tallies.size > MAX_TALLIES && oldest !== undefined) this.#tallies.delete(oldest);
    return tally;
  }
}

const keyOf = ({ change, changeId }: RunningStage<QueryStage>, stage: QueryStage): string =>
  `${change} ${changeId} ${stage}`;

/** The counters of one change at one stage. */
export class ChangeTally {
  readonly running: Pick<RunningStage<QueryStage>, 'change' | 'changeId' | 'stage'>;
  readonly #calls = { ok: 0, failed: 0, byReplica: 0 };
  readonly #comparisons = noComparisons();
  #byProbe: ComparisonCounts | undefined;
  readonly #fallbacks = noFallbacks();
  readonly #cache = noCacheCounts();
  readonly #latency = newHistogram();
  readonly #late = newHistogram();
  readonly #reads = newHistogram();
  readonly #strata: Strata;
  readonly #counterexamples: Counterexample[] = [];

  constructor(
    running: Pick<RunningStage<QueryStage>, 'change' | 'changeId' | 'stage'>,
    strata: readonly string[],
  ) {
    this.running = running;
    this.#strata = new Strata(strata);
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

  /** @param tookMs whatever came of it */
  read(tookMs: number): void {
    record(this.#reads, tookMs);
  }

  cache(what: keyof CacheCounts): void {
    this.#cache[what] += 1;
  }

  shed(): void {
    this.#comparisons.shed += 1;
  }

  /** @param subject what it was about; undefined: not known */
  comparison(judgement: Judgement, subject?: ComparisonSubject): void {
    this.#comparisons[judgement.outcome] += 1;
    if (subject?.isProbe === true) (this.#byProbe ??= noComparisons())[judgement.outcome] += 1;
    if (subject !== undefined) this.#strata.count(judgement.outcome, subject);
    if (judgement.lateMs !== undefined) record(this.#late, judgement.lateMs);
    if (judgement.outcome === 'equal' || judgement.outcome === 'late') return;
    const { outcome, version, fields = [], note } = judgement;
    const at = new Date().toISOString();
    this.#counterexamples.push({ outcome, at, version, fields, ...(note === undefined ? {} : { note }) });
    if (this.#counterexamples.length > MAX_COUNTEREXAMPLES) this.#counterexamples.shift();
  }

  /** Strata that were compared, or declared. */
  get strata(): readonly string[] {
    return this.#strata.names;
  }

  /** @param stratum undefined: of all */
  countsOf(stratum: string | undefined): ComparisonCounts {
    return stratum === undefined ? this.#comparisons : this.#strata.countsOf(stratum);
  }

  report(): ChangeEvidence {
    const { change, changeId, stage } = this.running;
    const strata = this.#strata.report();
    return {
      change,
      changeId,
      stage,
      calls: { ...this.#calls },
      latencyMs: percentilesOf(this.#latency),
      comparisons: { ...this.#comparisons },
      ...(this.#byProbe === undefined ? {} : { byProbe: { ...this.#byProbe } }),
      ...(Object.keys(strata).length === 0 ? {} : { strata }),
      keysCompared: this.#strata.keys,
      readMs: percentilesOf(this.#reads),
      lateMs: percentilesOf(this.#late),
      fallbacks: { ...this.#fallbacks },
      ...(stage === 'cache' ? { cache: { ...this.#cache } } : {}),
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
