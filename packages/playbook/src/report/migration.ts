import {
  LADDERS,
  stageRecordOf,
  type EdgeKind,
  type EdgeOverview,
  type StageRecord,
  type TrailEntry,
} from '@banyan/control';
import type { ParkedKey } from '../parked-keys.js';
import type { Plan } from '../plan/plan.js';
import { evidenceText } from '../show-evidence.js';

/** A migration at one moment, with how it came there. */
export interface Migration {
  /** The playbook's name; null without one. */
  name: string | null;
  /** When it was looked at, ISO 8601. */
  at: string;
  edges: MigratedEdge[];
  /** Changes of all edges, newest first. */
  timeline: StageChanged[];
  /** What else was done: flags, runs of playbooks, rehearsals, parked keys; newest first. */
  actions: TrailEntry[];
  incidents: Incident[];
  /** Null: no database was looked at. */
  parked: ParkedKey[] | null;
}

export interface MigratedEdge {
  edge: EdgeOverview;
  /** The stages that its processes support; else the playbook's, else all of its kind. */
  ladder: readonly string[];
  /** As the playbook says; null without one. */
  owner: string | null;
  target: string | null;
  /** Oldest first. */
  changes: StageRecord[];
}

export interface StageChanged {
  record: StageRecord;
  direction: 'up' | 'down';
  evidence: string[];
}

/** Something that a reader should not have to find by himself. */
export interface Incident {
  /** ISO 8601; null: now. */
  at: string | null;
  edge: string;
  kind: 'trip' | 'back' | 'forced' | 'not made' | 'audit lost' | 'not equal' | 'held';
  what: string;
}

export interface MigrationParts {
  edges: readonly EdgeOverview[];
  /** The audit, oldest first. */
  trail: readonly TrailEntry[];
  plan: Plan | undefined;
  parked: ParkedKey[] | null;
  at: string;
}

/** Brings together what a report shows. With a playbook its edges, in its order; else all that are known. */
export function migrationOf({ edges, trail, plan, parked, at }: MigrationParts): Migration {
  const meant =
    plan === undefined
      ? edges
      : [...plan.edges.keys()].flatMap((name) => edges.find(({ edge }) => edge === name) ?? []);
  const migrated = meant.map((edge) => migratedEdge(edge, { changes: changesOf(edge.edge, trail), plan }));
  const timeline = migrated.flatMap(timelineOf);
  const newestFirst = timeline.toSorted((a, b) => b.record.at.localeCompare(a.record.at));
  const isMeant = ({ about }: TrailEntry): boolean => meant.some(({ edge }) => edge === about);
  const incidents = [
    ...newestFirst.flatMap(incidentOf),
    ...trail.filter((entry) => entry.kind === 'log' || isMeant(entry)).flatMap(auditIncidents),
    ...meant.flatMap(presentIncidents),
  ];
  const actions = trail.filter(({ kind }) => kind !== 'edge' && kind !== 'log').toReversed();
  const name = plan?.name ?? null;
  return { name, at, edges: migrated, timeline: newestFirst, actions, incidents, parked };
}

/** The changes of an edge that came in force. */
function changesOf(edge: string, trail: readonly TrailEntry[]): StageRecord[] {
  const made = trail.filter(({ about, outcome }) => about === edge && outcome === 'made');
  return made.map(stageRecordOf).filter((record) => record !== undefined);
}

/** Changes that were told of and never came in force, and a log that has lost what it had. */
function auditIncidents({ at, about, kind, outcome, from, to, by, why }: TrailEntry): Incident[] {
  const begins = kind === 'log' && why.startsWith('made anew');
  if (begins) return [{ at, edge: about, kind: 'audit lost', what: why }];
  if (outcome !== 'not made') return [];
  return [{ at, edge: about, kind: 'not made', what: `${from ?? '?'} -> ${to ?? '?'} by ${by}: ${why}` }];
}

function migratedEdge(
  edge: EdgeOverview,
  { changes, plan }: { changes: StageRecord[]; plan: Plan | undefined },
): MigratedEdge {
  const planned = plan?.edges.get(edge.edge);
  return {
    edge,
    ladder: edge.ladder ?? planned?.ladder ?? LADDERS[edge.kind],
    owner: planned?.owner ?? null,
    target: planned?.target ?? null,
    changes,
  };
}

function timelineOf({ changes }: MigratedEdge): StageChanged[] {
  return changes.map((record, index) => ({
    record,
    direction: isDown(record, changes[index - 1]) ? 'down' : 'up',
    evidence: evidenceText(record.evidence),
  }));
}

/** To a lower stage, or the same one for a smaller share of the keys. */
function isDown(record: StageRecord, before: StageRecord | undefined): boolean {
  const { kind, stage, from, share = 100 } = record;
  if (before?.stage === stage) return share < (before.share ?? 100);
  return isBelow(kind, stage, before?.stage ?? from);
}

/** Whether a stage comes before another on the whole ladder of its kind, whatever an edge supports of it. */
export function isBelow(kind: EdgeKind, stage: string, other: string): boolean {
  const order: readonly string[] = LADDERS[kind];
  return order.indexOf(stage) < order.indexOf(other);
}

function incidentOf({ record, direction }: StageChanged): Incident[] {
  const { at, edge, by, why, from, stage, forced, evidence } = record;
  const what = `${from} -> ${stage} by ${by}: ${why}`;
  if (direction === 'down') return [{ at, edge, kind: by === 'guard' ? 'trip' : 'back', what }];
  if (forced !== true) return [];
  return [
    { at, edge, kind: 'forced', what: `${what} (${evidenceText(evidence).join('; ') || 'no evidence'})` },
  ];
}

function presentIncidents(edge: EdgeOverview): Incident[] {
  const held = edge.processes.flatMap(({ service, pid, held: reason }): Incident[] =>
    reason === undefined
      ? []
      : [{ at: null, edge: edge.edge, kind: 'held', what: `${service} pid ${pid}: ${reason.reason}` }],
  );
  if (edge.kind === 'reaction') return held;
  const differences = edge.evidence.flatMap(({ counterexamples }) => counterexamples);
  const told = differences.map(({ at, outcome, fields }): Incident => {
    const where = fields.length === 0 ? '' : ` in ${fields.join(', ')}`;
    return { at, edge: edge.edge, kind: 'not equal', what: `${outcome}${where}` };
  });
  return [...told, ...held];
}
