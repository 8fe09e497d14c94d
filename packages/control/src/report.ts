import type { GuardTrip, HeldRecord, RunningStage } from './edge-stage.js';
import type { FlagReport } from './flag/flag-set.js';
import type { LedgerReport } from './ledger/ledger-report.js';
import type { ReactionEdgeReport } from './reaction-report.js';
import type { SourcedStage } from './stage-source.js';
import type { EdgeKind, Ladder, QueryStage, StageOf } from './stage.js';

/** What one process says of itself when asked. */
export interface ProcessReport {
  service: string;
  /** Unlike any other process's. */
  instance: string;
  pid: number;
  edges: EdgeReport[];
  /** Of methods whose callers may retire; absent: the process has none. */
  tombstones?: TombstoneReport[];
  /** The flags that it follows; absent: it follows none. */
  flags?: FlagReport[];
  /** Whom it called and who called it; absent: it was not asked, or keeps no ledger. */
  ledger?: LedgerReport;
}

/** What the provider of a method saw of its callers since it started; see `tombstone` of `@banyan/edge`. */
export interface TombstoneReport {
  /** `/package.Service/Method`. */
  method: string;
  /** By what they call themselves; `unknown` for those that do not. */
  callers: TombstoneCaller[];
}

export interface TombstoneCaller {
  caller: string;
  /** All calls, refused ones included. */
  calls: number;
  /** Refused because the caller's edge is `retired`. */
  refused: number;
  /** When the last call came, ISO 8601. */
  lastAt: string;
}

/** What one process says of one edge. */
export type EdgeReport = QueryEdgeReport | ReactionEdgeReport;

/** The part of a report that the stage itself knows. */
export interface StageReport<K extends EdgeKind = EdgeKind> {
  edge: string;
  kind: K;
  /** The stages that this process supports, lowest (the floor) first. */
  stages: Ladder<StageOf<K>>;
  running: RunningStage<StageOf<K>> & {
    /** Whether the change lies on this process's disk too. */
    persisted: boolean;
  };
  /** What took the edge of this process back by itself, until a newer change. */
  trip?: GuardTrip;
  /** A record in the bucket that the process does not follow. */
  held?: HeldRecord;
}

/** What the caller's process says of a query edge. */
export interface QueryEdgeReport extends StageReport<'query'> {
  /** What the process ramps by, e.g. `project`; absent: none of its requests has a key, so all move at 100 %. */
  rampBy?: string;
  /** Calls that were about to go past the edge, or did; absent: no client of the process is guarded against it. */
  bypasses?: BypassCounts;
  freshness: FreshnessReport;
  /** What keeps the replica; absent: not known. */
  subscriber?: ReplicaSubscriberReport;
  /** Strata that must have been compared before the edge advances; absent: none is declared. */
  strata?: readonly string[];
  /** Of an edge that has a cache: what became of the cache itself, since the process started. */
  cache?: CacheReport;
  /** What was measured, per change, oldest first; the last few changes only, since the process started. */
  evidence: ChangeEvidence[];
}

/** See `guardClient` of `@banyan/edge`. */
export interface BypassCounts {
  /** Had interceptors of their own, which replace the client's; the edge was put back among them. */
  repaired: number;
  /** Went to the provider, whatever the stage. */
  missed: number;
}

/** The subscriber that keeps a replica, as one of its instances sees it. */
export interface ReplicaSubscriberReport {
  /** For example `running`, `standby`, `halted`; see `SubscriberState` of `@banyan/subscriber`. */
  state: string;
  /** Why it is down or halted. */
  because?: string;
  /** Keys whose events wait. */
  parkedKeys: number;
  /** Positions between the newest that was heard of and the oldest that a partition lacks; null: nothing was heard. */
  lagPositions: number | null;
  /** How old what the relay last said is, in ms: what was committed since may not be in the stream. Null: it said nothing yet. */
  relayAgeMs?: number | null;
  /** Partitions that cannot go on, as at a gap that nobody can fill, and why the first cannot; absent: none. */
  stopped?: { partitions: number; because: string };
  /** Whether what was there before its first event is in the replica; absent: not known. */
  backfill?: BackfillStanding;
}

/** Whether a replica has the rows that are in no event. */
export interface BackfillStanding {
  /** `projects/project`. */
  of: string;
  /**
   * Of the last backfill: `done` and applied · `applying`: published, and the subscriber has not got all of it yet · as the
   * source says · `none` was ever asked for · `unknown`: no process of the source says.
   */
  state: 'done' | 'applying' | 'running' | 'paused' | 'failed' | 'cancelled' | 'none' | 'unknown';
  /** What the replica's owner says of it. */
  declared?: 'required' | 'not-needed';
  /** Whether the subscriber has worked off the source's history from its first event on. */
  isFromFirst: boolean;
}

export interface FreshnessReport {
  /** Everything committed at the source before this (ms since 1970) is in the replica; null: it never started. */
  asOfMs: number | null;
  /** Age with the clock allowance added, in ms; null: never started. */
  stalenessMs: number | null;
  budgetMs: number;
  fresh: boolean;
}

/** What became of a cache, whichever edges use it. Processes that share one each count their own part. */
export interface CacheReport {
  /** Keys that events have invalidated, whether there was an answer or not. */
  invalidations: number;
  /** How often everything of a source was dropped: at the start of its feed, and after a break of it. */
  flushes: number;
  /** Answers that went because there was no room. */
  evictions: number;
  /** Everything that the source committed before this (ms since 1970) was heard of; null: the feed was never heard. */
  asOfMs: number | null;
}

/** What was measured at one stage while one change was in force. During a ramp a change has two of them. */
export interface ChangeEvidence {
  change: number;
  changeId: string;
  /** The stage that the calls ran at. */
  stage: QueryStage;
  calls: CallCounts;
  /** Of calls as their caller saw them. */
  latencyMs: Percentiles;
  comparisons: ComparisonCounts;
  /** How many of them nobody but a probe asked for; absent: none. */
  byProbe?: ComparisonCounts;
  /** The same by stratum; absent: requests are not told apart. */
  strata?: Record<string, ComparisonCounts>;
  /** Distinct keys that were compared, up to 10,000; of several processes: by the one that saw most. */
  keysCompared?: number;
  /** Reads of the replica, whoever waited for them: callers, or comparisons. */
  readMs?: Percentiles;
  /** How long late replicas took to reach the answer's version. */
  lateMs: Percentiles;
  /** Calls that the replica did not answer, by reason. */
  fallbacks: Record<FallbackReason, number>;
  /** What the cache did for the calls of a change to the stage `cache`. */
  cache?: CacheCounts;
  /** The latest few that were not equal in the end; paths only, never values. */
  counterexamples: Counterexample[];
}

export interface CallCounts {
  ok: number;
  /** Ended with a status other than OK, NOT_FOUND included. */
  failed: number;
  /** How many of both were answered by the replica. */
  byReplica: number;
}

export const CACHE_COUNTS = [
  'hits',
  'misses',
  'shared',
  'refused',
  'tooLarge',
  'bypassed',
  'errors',
] as const;

/**
 * Calls by what the cache did: `hits` answered by it · `misses` asked the provider · `shared` waited for another call's miss
 * · `bypassed` not to be cached, since they carry credentials. Fills: `refused` as an invalidation came meanwhile ·
 * `tooLarge`. `errors`: the cache was down, slow or damaged; such calls are misses as well.
 */
export type CacheCounts = Record<(typeof CACHE_COUNTS)[number], number>;

export interface Percentiles {
  count: number;
  p50: number;
  p99: number;
  max: number;
}

export const COMPARISON_OUTCOMES = [
  'equal',
  'late',
  'wrong',
  'missing',
  'extra',
  'oneSided',
  'unjudged',
] as const;

/** How a comparison of a provider's and a replica's answer ended; see DESIGN 6. */
export type ComparisonOutcome = (typeof COMPARISON_OUTCOMES)[number];

export type ComparisonCounts = Record<ComparisonOutcome, number> & {
  /** Not made, because the queue was full. */
  shed: number;
};

/** `token`: its caller has seen something newer; `epoch`: … of a later history of the source. */
export const FALLBACK_REASONS = ['stale', 'missing', 'error', 'timeout', 'busy', 'token', 'epoch'] as const;

/** Why a replica did not answer. */
export type FallbackReason = (typeof FALLBACK_REASONS)[number];

export interface Counterexample {
  outcome: ComparisonOutcome;
  /** When it was seen, ISO 8601. */
  at: string;
  version: number | null;
  /** Paths of the fields that differ. */
  fields: string[];
  /** What else is known, without data. */
  note?: string;
}

/** A field in which two answers of one version differ. */
export interface FieldDifference {
  /** For example `project.open_tasks`, `members[2].role`. */
  path: string;
  /** The same without indexes and keys: `members[*].role`. */
  pattern: string;
  /** `order`: a list has the same items in another order. */
  kind: 'value' | 'order';
  /** In JSON, redacted; missing: the field is absent. */
  provider?: unknown;
  replica?: unknown;
}

/** The part of a report that the stage itself knows. */
export function stageReportOf<K extends EdgeKind>(stage: SourcedStage<K>): StageReport<K> {
  return {
    edge: stage.name.text,
    kind: stage.kind,
    stages: stage.ladder,
    running: { ...stage.running, persisted: stage.persisted },
    ...(stage.trip === undefined ? {} : { trip: stage.trip }),
    ...(stage.held === undefined ? {} : { held: stage.held }),
  };
}
