import type { AuditEntry, EdgeOverview, GateVerdict, Mismatch, Stage, TrailEntry } from '@banyan/control';

export type * from '@banyan/control';

/** An entry of the audit, and what came of it where that is known. */
export type AuditRow = AuditEntry & Partial<Pick<TrailEntry, 'outcome'>>;

export interface AuditPage {
  /** Newest first. */
  entries: AuditRow[];
  /** What to give as `before` for those before them; null: there are none. */
  next: number | null;
}

export interface ServiceRow {
  name: string;
  instances: { instance: string; pid: number }[];
  provides: string[];
}

export interface RelayRow {
  source: string;
  state: string;
  instance: string;
  pid: number;
  backlog: number | null;
  lagMs: number | null;
  rate: number | null;
  position: string | null;
  audit: { ok: boolean; at: string; findings: string[] } | null;
  because?: string;
}

export interface SubscriberRow {
  name: string;
  service: string;
  instance: string;
  state: string;
  because?: string;
  source: string;
  lagPositions: number | null;
  stalenessMs: number | null;
  rate: number | null;
  parkedKeys: number;
}

export interface RunView {
  state: string;
  by: string;
  at: string;
  paused: boolean;
}

export interface Overview {
  at: string;
  edges: EdgeOverview[];
  services: ServiceRow[];
  relays: RelayRow[];
  subscribers: SubscriberRow[];
  flags: { name: string; value: unknown; change: number }[];
  run: RunView | null;
  broker: { connected: boolean; url: string; server: string };
}

export interface ParityRow {
  stratum: string | null;
  agreed: number;
  disagreed: number;
  unjudged: number;
  shed: number;
  outcome: GateVerdict['outcome'];
  needed: number;
  upperBound: number;
  maxDisagreement: number;
  confidence: number;
}

type Samples = (number | null)[];

export interface Series {
  at: number[];
  callRate: Samples;
  errorRate: Samples;
  replicaErrorRate: Samples;
  callP50: Samples;
  callP99: Samples;
  replicaP50: Samples;
  replicaP99: Samples;
  stalenessMs: Samples;
  fallbackRate: Samples;
}

export interface EdgeView {
  overview: EdgeOverview;
  history: AuditRow[];
  mismatches: Mismatch[];
  series: Series;
  parity?: ParityRow[];
  reactions?: { arrived: number; needed: number } | null;
}

export interface StageMoved {
  edge: string;
  from: Stage;
  to: Stage;
  change: number;
  inForceMs: number;
}

export interface ParkedKey {
  subscriber: string;
  service: string;
  source: string;
  aggregate: string;
  key: string;
  position: string | null;
  attempts: number;
  error: string | null;
  at: string;
  waiting: number;
  skipped: boolean;
}

export interface StepView {
  id: string;
  title: string;
  kind: string;
  edge?: string;
  state: 'todo' | 'waiting' | 'soaking' | 'running' | 'done' | 'failed' | 'postponed';
  at?: string;
  by?: string;
  missing?: string[];
}

export interface PlanView {
  playbook: { name: string; description: string; digest: string } | null;
  steps: StepView[];
  run: RunView | null;
}

export interface SessionView {
  authenticated: boolean;
  csrf?: string;
}
