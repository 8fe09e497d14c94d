import { sumEvidence } from './evidence-sum.js';
import type { GuardTrip, HeldRecord, RunningStage } from './edge-stage.js';
import { parseEdge } from './edge-name.js';
import { stageGate } from './gate.js';
import { defaultTerms, type GateTermsFor } from './gate-terms.js';
import type { GateVerdict } from './gate-verdict.js';
import type { QuietProof } from './ledger/quiet-proof.js';
import type { Ramp } from './ramp.js';
import type { CallsWithoutId, ReactionEdgeReport, ReactionReading } from './reaction-report.js';
import { receiversOf, sumReactions, sumWithoutId, type ReactionEvidence } from './reaction-sum.js';
import type {
  BypassCounts,
  ChangeEvidence,
  EdgeReport,
  FreshnessReport,
  ProcessReport,
  QueryEdgeReport,
  ReplicaSubscriberReport,
} from './report.js';
import { rampOf, type StageRecord } from './stage-record.js';
import { commonLadder, stageAbove, type Ladder, type Stage } from './stage.js';

/** All that is known of one edge: the bucket's record and what its processes say. */
export type EdgeOverview = QueryOverview | ReactionOverview;

export interface OverviewBase {
  edge: string;
  stage: Stage;
  /** Set while only a share of the keys runs `stage`; null: all do. */
  ramp: Ramp | null;
  change: number;
  changeId: string;
  /** When, by whom and why the stage was changed last; null before the first change. */
  since: string | null;
  by: string | null;
  why: string | null;
  /** The stages that all its processes support; null if none runs. */
  ladder: Ladder | null;
  /** What a share of its keys is counted by, e.g. `project`; null if some process has no key, or another. */
  rampBy: string | null;
  processes: ProcessOverview[];
  /**
   * The next stage up and what its gate says; while a share is in force that is the same stage for more keys. Null at the
   * top, or if no process runs.
   */
  next: NextGate | null;
}

/** What a gate says, and by which settings. */
export interface NextGate extends GateVerdict {
  stage: Stage;
  /** `defaults`, `options` of a command, or the step of a playbook in its words. */
  settingsFrom: string;
}

export interface QueryOverview extends OverviewBase {
  kind: 'query';
  /** Of all processes together, per change, oldest first. */
  evidence: ChangeEvidence[];
  /** Of all processes together. */
  bypasses: BypassCounts;
  /** Of the stalest process; null if none runs. */
  freshness: FreshnessReport | null;
  /** What keeps the replica of the process that is furthest behind; null if none says. */
  subscriber: ReplicaSubscriberReport | null;
}

export interface ReactionOverview extends OverviewBase {
  kind: 'reaction';
  /** Of both sides together, per change, oldest first. */
  evidence: ReactionEvidence[];
  /** Of the receiver that is furthest behind; null if none reads the edge's events. */
  reading: ReactionReading | null;
  withoutId: CallsWithoutId[];
}

export interface ProcessOverview {
  service: string;
  instance: string;
  pid: number;
  /** Which end of a reaction edge it is. */
  side?: 'caller' | 'receiver';
  stage: Stage;
  ramp?: Ramp;
  change: number;
  /** Where it has its stage from. */
  origin: RunningStage['origin'];
  /** Whether it runs the edge's last change. */
  inForce: boolean;
  held?: HeldRecord;
  /** What took the edge of this process back by itself. */
  trip?: GuardTrip;
}

/** What there is to bring together. */
export interface KnownOfEdges {
  records: readonly StageRecord[];
  reports: readonly ProcessReport[];
  /** That nobody calls, as it was proven; asked before `retired`. */
  proofs?: readonly QuietProof[];
}

/**
 * Brings records and reports together, one overview an edge, by name.
 *
 * @param termsFor by which settings each edge's gate judges; default: those of gates themselves
 */
export function overviewsOf(
  { records, reports, proofs = [] }: KnownOfEdges,
  termsFor: GateTermsFor = defaultTerms,
): EdgeOverview[] {
  const reported = reports.flatMap(({ edges }) => edges.map(({ edge }) => edge));
  const names = new Set(
    [...records.map(({ edge }) => edge), ...reported].map((edge) => parseEdge(edge).text),
  );
  return [...names].sort().map((edge) => {
    const record = records.find((each) => each.edge === edge);
    const quiet = proofs.find((each) => each.edge === edge);
    return overviewOf(edge, { record, reports, quiet, termsFor });
  });
}

interface Known {
  record: StageRecord | undefined;
  reports: readonly ProcessReport[];
  quiet: QuietProof | undefined;
  termsFor: GateTermsFor;
}

function overviewOf(edge: string, { record, reports, quiet, termsFor }: Known): EdgeOverview {
  const own = reports.flatMap((process) =>
    process.edges.filter((report) => report.edge === edge).map((report) => ({ process, report })),
  );
  const edgeReports = own.map(({ report }) => report);
  const last = lastChange(record, edgeReports);
  const ladder = commonLadder(edgeReports.map(({ stages }) => stages)) ?? null;
  const base: OverviewBase = {
    edge,
    ...last,
    by: record?.by ?? null,
    why: record?.why ?? null,
    ladder,
    rampBy: rampByOf(edgeReports),
    processes: own.map(({ process, report }) => processOf(process, report, last.changeId)),
    next: nextOf({ edge, ...last, ladder, reports: edgeReports, quiet }, termsFor),
  };
  const reactions = edgeReports.filter((report) => report.kind === 'reaction');
  const isReaction = reactions.length > 0 || record?.kind === 'reaction';
  return isReaction ? reactionOverview(base, reactions) : queryOverview(base, edgeReports);
}

function queryOverview(base: OverviewBase, reports: readonly EdgeReport[]): QueryOverview {
  const queries = reports.filter((report) => report.kind === 'query');
  const evidence = sumEvidence(queries);
  return {
    ...base,
    kind: 'query',
    evidence,
    bypasses: sumBypasses(queries),
    freshness: stalest(queries),
    subscriber: slowest(queries),
  };
}

function reactionOverview(base: OverviewBase, reports: readonly ReactionEdgeReport[]): ReactionOverview {
  return {
    ...base,
    kind: 'reaction',
    evidence: sumReactions(reports),
    reading: furthestBehind(reports),
    withoutId: sumWithoutId(reports),
  };
}

type Last = Pick<OverviewBase, 'stage' | 'ramp' | 'change' | 'changeId' | 'since'>;

/** The edge's last change: the bucket's, unless a process knows a later one that the broker has lost. */
function lastChange(record: StageRecord | undefined, reports: readonly EdgeReport[]): Last {
  const all: Last[] = reports.map(({ running: { stage, ramp = null, change, changeId, since } }) => {
    return { stage, ramp, change, changeId, since: since === '' ? null : since };
  });
  if (record !== undefined) {
    const { stage, change, changeId, at } = record;
    all.unshift({ stage, ramp: rampOf(record) ?? null, change, changeId, since: at });
  }
  return all.reduce((best, each) => (each.change > best.change ? each : best), all[0] ?? NOTHING);
}

const NOTHING: Last = { stage: 'call', ramp: null, change: 0, changeId: '', since: null };

function processOf(process: ProcessReport, report: EdgeReport, changeId: string): ProcessOverview {
  const { service, instance, pid } = process;
  const { running, held, trip } = report;
  const { stage, ramp, change, origin } = running;
  const inForce = running.changeId === changeId && trip === undefined;
  const side = report.kind === 'reaction' ? { side: report.side } : {};
  const ramping = ramp === undefined ? {} : { ramp };
  return {
    ...{ service, instance, pid, ...side, stage, ...ramping, change, origin, inForce },
    ...(held === undefined ? {} : { held }),
    ...(trip === undefined ? {} : { trip }),
  };
}

function sumBypasses(reports: readonly QueryEdgeReport[]): BypassCounts {
  const sum = { repaired: 0, missed: 0 };
  for (const { bypasses } of reports) {
    sum.repaired += bypasses?.repaired ?? 0;
    sum.missed += bypasses?.missed ?? 0;
  }
  return sum;
}

function stalest(reports: readonly QueryEdgeReport[]): FreshnessReport | null {
  const age = ({ stalenessMs }: FreshnessReport): number => stalenessMs ?? Infinity;
  const all = reports.map(({ freshness }) => freshness).sort((a, b) => age(b) - age(a));
  return all[0] ?? null;
}

function slowest(reports: readonly QueryEdgeReport[]): ReplicaSubscriberReport | null {
  const lag = ({ lagPositions }: ReplicaSubscriberReport): number => lagPositions ?? Infinity;
  const all = reports.flatMap(({ subscriber }) => subscriber ?? []);
  return all.sort((a, b) => lag(b) - lag(a))[0] ?? null;
}

function furthestBehind(reports: readonly ReactionEdgeReport[]): ReactionReading | null {
  const age = ({ stalenessMs }: ReactionReading): number => stalenessMs ?? Infinity;
  const all = receiversOf(reports).flatMap(({ reading }) => (reading === null ? [] : [reading]));
  return all.sort((a, b) => age(b) - age(a))[0] ?? null;
}

/** One group for all processes, or none: keys must move alike in each. */
function rampByOf(reports: readonly EdgeReport[]): string | null {
  const groups = reports.map((report) => (report.kind === 'query' ? report.rampBy : undefined));
  const [first, ...others] = new Set(groups);
  return others.length === 0 ? (first ?? null) : null;
}

interface NextQuestion extends Last {
  edge: string;
  ladder: Ladder | null;
  reports: readonly EdgeReport[];
  quiet: QuietProof | undefined;
}

function nextOf(
  { edge, stage, ramp, changeId, ladder, reports, quiet }: NextQuestion,
  termsFor: GateTermsFor,
): EdgeOverview['next'] {
  if (ladder === null) return null;
  const to = ramp === null ? stageAbove(ladder, stage) : stage;
  if (to === undefined) return null;
  const from = ramp?.from ?? stage;
  const { gate, from: settingsFrom } = termsFor({ edge, stage, ramp });
  return { stage: to, ...stageGate({ from, to, ramp, changeId, reports, quiet }, gate), settingsFrom };
}
