export { StageWatch, type StageWatchOptions } from './stage-watch.js';
export {
  Reporter,
  REPORT_SUBJECT,
  type EdgeReporting,
  type TombstoneReporting,
  type FlagReporting,
  type LedgerReporting,
  type ReportQuestion,
  type ReporterOptions,
} from './reporter.js';
export {
  AUDIT_KINDS,
  AUDIT_SUBJECTS,
  decodeAuditEntry,
  type AuditEntry,
  type AuditKind,
  type NewAuditEntry,
} from './audit/audit-entry.js';
export { AuditLog, type AuditFilter, type AuditLogOptions } from './audit/audit-log.js';
export { AUDIT_STREAM } from './audit/audit-stream.js';
export { readTrail, storedChanges, trailOf, type TrailEntry } from './audit/audit-trail.js';
export { stageRecordOf } from './audit/change-entry.js';
export {
  NO_MARK,
  OTHER_MARKS,
  type CalledMethod,
  type CallingProcess,
  type ClientLedgerReport,
  type LedgerReport,
  type MethodCaller,
  type ServerLedgerReport,
} from './ledger/ledger-report.js';
export { collectBooks, Look, type Books, type CollectBooksOptions } from './ledger/books.js';
export {
  LEDGER_KEEP_MS,
  LedgerStore,
  type LedgerStoreOptions,
  type ServerRecord,
} from './ledger/ledger-store.js';
export { LedgerKeeper, type KeptLedger, type LedgerKeeperOptions } from './ledger/ledger-keeper.js';
export { methodOf, providerOf } from './ledger/method-path.js';
export { readProofs } from './ledger/read-proofs.js';
export { callsOf, type QuietProof, type StrayCall } from './ledger/quiet-proof.js';
export {
  quietVerdict,
  type QuietGap,
  type QuietQuestion,
  type QuietVerdict,
  type SeenCall,
} from './ledger/quiet.js';
export { balance, type Finding } from './ledger/balance.js';
export { callGraph, type GraphCall } from './ledger/call-graph.js';
export { changeStage, type StageChange, type StageChanged } from './change-stage.js';
export { collectReports, type CollectOptions } from './collect-reports.js';
export { stageGate, type GateQuestion } from './gate.js';
export { resolveGateOptions, type GateOptions } from './gate-options.js';
export { defaultTerms, type GatedEdge, type GateTerms, type GateTermsFor } from './gate-terms.js';
export type { GateVerdict } from './gate-verdict.js';
export { parityRows, type ParityRow } from './parity/parity-rows.js';
export { parityCountsOf } from './parity/parity-findings.js';
export {
  SequentialTest,
  type ParityCounts,
  type ParityTarget,
  type ParityVerdict,
} from './parity/sequential-test.js';
export {
  overviewsOf,
  type EdgeOverview,
  type KnownOfEdges,
  type NextGate,
  type ProcessOverview,
  type QueryOverview,
  type ReactionOverview,
} from './overview.js';
export { parseEdge, type EdgeName } from './edge-name.js';
export {
  commonLadder,
  isStageOf,
  LADDERS,
  ladderOf,
  planAdvance,
  planBack,
  QUERY_LADDER,
  QUERY_STAGES,
  REACTION_LADDER,
  REACTION_STAGES,
  type EdgeKind,
  type Ladder,
  type Move,
  type QueryStage,
  type ReactionStage,
  type Stage,
  type StageOf,
} from './stage.js';
export {
  EdgeStage,
  stageFor,
  type EdgeDeclaration,
  type GuardTrip,
  type HeldRecord,
  type QueryDeclaration,
  type RampKey,
  type RunningStage,
} from './edge-stage.js';
export type { SourcedStage, StageSource } from './stage-source.js';
export { inShare, type Ramp } from './ramp.js';
export { planShareDown, planShareUp, type ShareMove, type Standing, type WantedMove } from './ramp-plan.js';
export { StageStore, type StageWrite, type StoredStage } from './stage-store.js';
export { STAGE_BUCKET, type StageStoreOptions } from './bucket/stage-bucket.js';
export { type StageRecord } from './stage-record.js';
export type { ChangeInForce } from './in-force.js';
export { changeFlag, type FlagChange, type FlagChanged } from './flag/change-flag.js';
export {
  flagValueFor,
  isFlagName,
  type FlagReason,
  type FlagRecord,
  type FlagValue,
} from './flag/flag-record.js';
export { FlagSet, type FlagAnswer, type FlagReport, type RunningFlag } from './flag/flag-set.js';
export { FlagStore, type FlagWrite } from './flag/flag-store.js';
export { planFlag, type FlagMove, type WantedFlag } from './flag/plan-flag.js';
export type { Connection } from './connection.js';
export { noCacheCounts, noComparisons, noFallbacks, sumEvidence } from './evidence-sum.js';
export {
  CACHE_COUNTS,
  COMPARISON_OUTCOMES,
  FALLBACK_REASONS,
  stageReportOf,
  type BackfillStanding,
  type BypassCounts,
  type TombstoneCaller,
  type TombstoneReport,
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
  type QueryEdgeReport,
  type ReplicaSubscriberReport,
  type StageReport,
} from './report.js';
export {
  noReactions,
  type CallsWithoutId,
  type ReactionCallCounts,
  type ReactionCallerEvidence,
  type ReactionCallerReport,
  type ReactionCounts,
  type ReactionEdgeReport,
  type ReactionReading,
  type ReactionReceiverEvidence,
  type ReactionReceiverReport,
} from './reaction-report.js';
export { arrivedOf, type ReactionEvidence } from './reaction-sum.js';
export { decodeMismatch, groupOf, type Mismatch, type ToldAnswer } from './mismatch/mismatch.js';
export {
  MISMATCH_MAX_BYTES,
  MISMATCH_STREAM,
  MismatchStore,
  type MismatchStoreOptions,
} from './mismatch/mismatch-store.js';
export {
  decodeEdgeFound,
  edgeFindSubjectOf,
  LONGEST_CUT_MS,
  type CalibrationReport,
  type CutReport,
  type CutTask,
  type EdgeFound,
  type EdgeTask,
  type EdgeTaskResult,
  type NoisyField,
  type ReplayAnswer,
} from './edge-task/edge-task.js';
export type { EdgePerforming } from './edge-task/edge-task-service.js';
export { readRuns, RunStore, type FoundRun } from './run/run-store.js';
export { RUN_BUCKET } from './run/run-bucket.js';
export type { RunLease } from './run/run-lease.js';
export type {
  RunHolder,
  RunRecord,
  RunState,
  RunStep,
  RunStepName,
  RunStepState,
  RunView,
  RunWishes,
} from './run/run-record.js';
export {
  readRehearsals,
  recordRehearsal,
  type RehearsalCounts,
  type RehearsalRecord,
} from './rehearsal/rehearsal-record.js';
