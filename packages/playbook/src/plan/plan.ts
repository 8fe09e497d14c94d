import type { EdgeKind, Ladder, Stage } from '@banyan/control';
import type { GateSettings } from './playbook-schema.js';

/** A playbook, read and resolved. Its order is partial: each step has those that must be done before it. */
export interface Plan {
  name: string;
  file: string;
  edges: ReadonlyMap<string, PlanEdge>;
  replicas: ReadonlyMap<string, PlanReplica>;
  /** In the order of the file, which is the order that `apply` takes where it is free to choose. */
  steps: readonly PlanStep[];
}

export interface PlanEdge {
  /** Canonical text. */
  name: string;
  kind: EdgeKind;
  /** `projects.GetProject` */
  method: string;
  ladder: Ladder;
  /** Below this its processes refuse to go. */
  floor: Stage;
  target: Stage | undefined;
  owner: string | undefined;
  replica: string | undefined;
}

export interface PlanReplica {
  name: string;
  /** Edges that its handlers call. */
  needs: readonly string[];
}

/** What a rehearsal asks for, where the playbook says it. */
export interface RehearsalBudget {
  /** The share of the calls that may fail. */
  maxErrors?: number;
  minCalls?: number;
}

export type PlanAction =
  | { do: 'backfill'; replica: string }
  | { do: 'receive'; edge: string }
  | { do: 'advance'; edge: string; to: Stage; share: number; soakMs: number; gate: Required<GateSettings> }
  | { do: 'back'; edge: string; to: Stage; soakMs: number }
  | { do: 'floor'; edge: string; to: Stage }
  | { do: 'rehearse'; edge: string; forMs: number; budget: RehearsalBudget }
  | { do: 'retire'; method: string; quietMs: number };

export interface PlanStep {
  /** Its place in `steps`. */
  index: number;
  /** What it does, in words; unique in the plan: `advance tasks -> projects.GetProject to shadow`. */
  text: string;
  id: string | undefined;
  note: string | undefined;
  /** Where it stands: `playbooks/teams.yaml:41`. */
  at: string;
  action: PlanAction;
  /** Places of the steps directly before it. */
  after: readonly number[];
}

/** What steps of one track follow each other by themselves: those of an edge, of a replica, of a method. */
export function trackOf(action: PlanAction): string {
  if (action.do === 'backfill') return `replica ${action.replica}`;
  if (action.do === 'retire') return `method ${action.method}`;
  return `edge ${action.edge}`;
}

/** An action in words. */
export function wordsOf(action: PlanAction): string {
  switch (action.do) {
    case 'backfill':
      return `backfill ${action.replica}`;
    case 'retire':
      return `retire ${action.method}`;
    case 'receive':
    case 'rehearse':
      return `${action.do} ${action.edge}`;
    case 'advance':
      return `advance ${action.edge} to ${action.to}${action.share < 100 ? ` for ${action.share} %` : ''}`;
    case 'back':
      return `back ${action.edge} to ${action.to}`;
    case 'floor':
      return `floor of ${action.edge} at ${action.to}`;
  }
}
