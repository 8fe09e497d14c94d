import type {
  EdgeOverview,
  GateVerdict,
  Mismatch,
  NextGate,
  ParityRow,
  ProcessReport,
  Stage,
  TrailEntry,
} from '@banyan/control';

/*
 * What the operator API says, as JSON: types only, for its server and for the dashboard. Times are ISO 8601 texts unless their
 * name ends in Ms; null means "not known", never zero.
 */

/** GET /overview, and the event `overview` of GET /live. */
export interface Overview {
  /** When it was put together; while the broker is away it grows old. */
  at: string;
  edges: EdgeOverview[];
  services: ServiceRow[];
  relays: RelayRow[];
  subscribers: SubscriberRow[];
  flags: FlagRow[];
  run: RunSummary | null;
  broker: BrokerState;
}

/** A service that has an edge, at either end, or a process that reports. */
export interface ServiceRow {
  name: string;
  instances: Pick<ProcessReport, 'instance' | 'pid'>[];
  /** Methods of it that edges lead to: `projects.GetProject`. */
  provides: string[];
}

/** One relay process at one of its sources. */
export interface RelayRow {
  source: string;
  /** `leading`, `standby`, `refusing`, `down` or `stopped`. */
  state: string;
  /** host:pid */
  instance: string;
  pid: number;
  /** Events that are in no stream yet, as far as the leader has counted them. */
  backlog: number | null;
  /** No event older than this, in ms, is outside the stream. */
  lagMs: number | null;
  /** Events a second into the stream, over the last seconds. */
  rate: number | null;
  /** The last acknowledged position: `epoch.n`. */
  position: string | null;
  audit: StreamAudit | null;
  /** Why it is down or refuses. */
  because?: string;
}

/** The last look of a relay at its own stream. */
export interface StreamAudit {
  ok: boolean;
  at: string;
  /** In words; empty if it is sound. */
  findings: string[];
}

/** One subscriber instance at one of its sources. */
export interface SubscriberRow {
  name: string;
  /** Empty: the subscriber does not say. */
  service: string;
  instance: string;
  /** `starting`, `running`, `standby`, `down`, `halted` or `stopped`. */
  state: string;
  because?: string;
  source: string;
  /** Events of the source's stream that are not applied yet. */
  lagPositions: number | null;
  /** Age of what is applied. */
  stalenessMs: number | null;
  /** Events applied a second, over the last seconds. */
  rate: number | null;
  parkedKeys: number;
}

export interface FlagRow {
  name: string;
  value: unknown;
  change: number;
}

export interface BrokerState {
  connected: boolean;
  /** Without credentials. */
  url: string;
  /** Name and version of the server; empty before the first connection. */
  server: string;
}

/** GET /edges/:edge, by canonical text or `caller:provider.Method`. */
export interface EdgeView {
  overview: EdgeOverview;
  /** Newest first, at most 100. */
  history: AuditRow[];
  /** Newest first, at most 50; redacted as they were stored. */
  mismatches: Mismatch[];
  series: Series;
  /** What the gate of a query edge counts since the last change, all and by stratum; [] where nothing compares. */
  parity: ParityRow[];
  /** Of a reaction edge at `dual`: effects that have come since the last change, and how many its gate asks for. */
  reactions: { arrived: number; needed: number } | null;
}

/** A point a second, columns of one length; GET /edges/:edge/series?minutes=15. Null: nothing happened, or nobody said. */
export interface Series {
  /** ms since 1970. */
  at: number[];
  /** Calls a second. */
  callRate: Samples;
  /** Calls a second that failed. */
  errorRate: Samples;
  /** Reads of the replica a second that failed or took too long. */
  replicaErrorRate: Samples;
  /** In ms, since the edge's last change. */
  callP50: Samples;
  callP99: Samples;
  replicaP50: Samples;
  replicaP99: Samples;
  stalenessMs: Samples;
  /** Calls a second that the replica should have answered and did not. */
  fallbackRate: Samples;
}

export type Samples = (number | null)[];

/** POST /edges/:edge/advance */
export interface AdvanceRequest extends BackRequest {
  /** Percent of the keys. */
  share?: number;
  /** Although the gate does not pass. */
  force?: boolean;
}

/** POST /edges/:edge/back */
export interface BackRequest {
  to?: Stage;
  reason: string;
  /** The number of the change that was seen when it was decided; 0: none yet. */
  expectedChange: number;
}

/** What became of an edge's move. It stands even where `missing` names processes that do not run it yet. */
export interface StageMoved {
  edge: string;
  from: Stage;
  to: Stage;
  /** Percent of the keys. */
  share: number;
  change: number;
  /** Until the slowest process ran it; of those that are not missing. */
  inForceMs: number;
  /** How many processes run it. */
  inForce: number;
  missing: { process: string; why: string }[];
}

/** GET /audit?limit=100&before=<seq>: newest first. */
export interface AuditPage {
  entries: AuditRow[];
  /** What to give as `before` for the next page; null: that was all. */
  next: number | null;
}

/** One thing that somebody did, and what came of it; also the event `audit` of GET /live. */
export interface AuditRow extends TrailEntry {
  /** Its place in the log; null: the log has lost it, and the stage bucket knows it. */
  seq: number | null;
}

/** GET /parked */
export interface ParkedList {
  keys: ParkedKeyRow[];
  /** Databases that could not be asked, and why. */
  unreachable: { database: string; because: string }[];
}

export interface ParkedKeyRow {
  subscriber: string;
  /** Under which its database is known to the gateway. */
  service: string;
  source: string;
  aggregate: string;
  key: string;
  /** Of the first event that waits. */
  position: string | null;
  attempts: number;
  error: string | null;
  at: string;
  /** Events that wait. */
  waiting: number;
  /** It goes on without some of its events. */
  skipped: boolean;
}

/** POST /parked/retry, /parked/skip */
export interface ParkedRequest {
  subscriber: string;
  source: string;
  aggregate: string;
  key: string;
  reason: string;
}

export interface ParkedDone {
  /** False: nothing waits any more. */
  done: boolean;
  /** Of a skip: how many events were given up. */
  skipped?: number;
}

/** GET /plan */
export interface PlanView {
  /** The one that the gateway was given, else that of the last run; null: none. */
  playbook: PlaybookView | null;
  steps: StepView[];
  /** Who walks these steps, or did last. */
  run: RunSummary | null;
  /**
   * A run of the same name that walks, or walked, another version of the playbook: with its steps. POST /plan/pause is for it
   * then.
   */
  otherRun: OtherRun | null;
}

export interface PlaybookView {
  name: string;
  /** Its file, as it was named. */
  description: string;
  /** Of what it says. */
  digest: string;
}

export interface OtherRun {
  playbook: PlaybookView;
  steps: StepView[];
  run: RunSummary;
}

export interface StepView {
  id: string;
  title: string;
  /** `backfill`, `receive`, `advance`, `back`, `floor`, `rehearse` or `retire`. */
  kind: string;
  edge?: string;
  /**
   * `done`: by the run, or found so by it. `reached`: it is so at present, by the same look as a run's, and no run has noted it:
   * the next will find it done. `undone`: the run has made it, and somebody, or a guard, has taken its edge back since.
   */
  state: 'todo' | 'reached' | 'waiting' | 'soaking' | 'running' | 'done' | 'undone' | 'failed' | 'postponed';
  at?: string;
  by?: string;
  /** Of a step that is done: `found`, it was so before the run came to it. */
  how?: 'walked' | 'found';
  /** What it waits for, why it failed, or where a stage that is set is not in force. */
  missing?: string[];
}

export interface RunSummary {
  /** `running`, `paused`, `waiting`, `stopped`, `failed` or `done`. */
  state: string;
  by: string;
  at: string;
  /** Somebody has asked it to pause. */
  paused: boolean;
}

/** GET /session; POST /session answers the same. */
export interface SessionView {
  authenticated: boolean;
  /** For the header `banyan-csrf` of every action, if the session is a cookie's. */
  csrf?: string;
}

/** The events of GET /live. */
export interface LiveEvents {
  overview: Overview;
  audit: AuditRow;
  ping: { at: string };
}

export type { EdgeOverview, GateVerdict, Mismatch, NextGate, ParityRow, Stage, TrailEntry };
