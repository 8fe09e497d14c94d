export { StageWatch, type StageWatchOptions } from './stage-watch.js';
export { Reporter, REPORT_SUBJECT, type EdgeReporting, type ReporterOptions } from './reporter.js';
export { changeStage, type StageChange, type StageChanged } from './change-stage.js';
export { collectReports, type CollectOptions } from './collect-reports.js';
export { stageGate, type GateOptions, type GateQuestion, type GateVerdict } from './gate.js';
export {
  SequentialTest,
  type ParityCounts,
  type ParityTarget,
  type ParityVerdict,
} from './parity/sequential-test.js';
export { overviewsOf, type EdgeOverview, type ProcessOverview } from './overview.js';
export { parseEdge, type EdgeName } from './edge-name.js';
export {
  commonLadder,
  isQueryStage,
  ladderOf,
  planAdvance,
  planBack,
  QUERY_LADDER,
  QUERY_STAGES,
  type Ladder,
  type Move,
  type QueryStage,
} from './stage.js';
export {
  EdgeStage,
  stageFor,
  type EdgeDeclaration,
  type HeldRecord,
  type RampKey,
  type RunningStage,
} from './edge-stage.js';
export { inShare, type Ramp } from './ramp.js';
export { planShareDown, planShareUp, type ShareMove, type Standing, type WantedMove } from './ramp-plan.js';
export {
  STAGE_BUCKET,
  StageStore,
  type StageStoreOptions,
  type StageWrite,
  type StoredStage,
} from './stage-store.js';
export { type StageRecord } from './stage-record.js';
export type { Connection } from './connection.js';
export { noCacheCounts, noComparisons, noFallbacks } from './evidence-sum.js';
export {
  CACHE_COUNTS,
  COMPARISON_OUTCOMES,
  FALLBACK_REASONS,
  stageReportOf,
  type BypassCounts,
  type CacheCounts,
  type CacheReport,
  type CallCounts,
  type ChangeEvidence,
  type ComparisonCounts,
  type ComparisonOutcome,
  type Counterexample,
  type EdgeReport,
  type FallbackReason,
  type FieldDifference,
  type FreshnessReport,
  type Percentiles,
  type ProcessReport,
} from './report.js';
