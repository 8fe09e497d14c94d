import type { NatsConnection } from '@nats-io/nats-core';
import { FlagStore } from '../flag/flag-store.js';
import { StageStore } from '../stage-store.js';
import type { AuditEntry } from './audit-entry.js';
import { AuditLog, type AuditFilter } from './audit-log.js';
import { afterOf, entryOfFlag, entryOfStage } from './change-entry.js';

/** An entry, and what came of it. */
export interface TrailEntry extends AuditEntry {
  /**
   * `made`: the change came in force · `open`: it may still · `not made`: it never did, as another was faster or its writer
   * died · `done`: what is no change.
   */
  outcome: 'made' | 'open' | 'not made' | 'done';
  /** The log has lost it: this is what the stage bucket knows. */
  lost?: true;
}

/** For so long a change may be on its way from its entry to the bucket, in ms. */
const OPEN_MS = 30_000;

/**
 * What was done, oldest first: the log, checked against the stage bucket. A change came in force if the bucket has it, or a
 * later change was decided on it. What the bucket has and the log does not was lost by the log, or is older than it.
 *
 * @throws BANYAN_CONTROL_UNREACHABLE
 */
export async function readTrail(connection: NatsConnection, filter: AuditFilter = {}): Promise<TrailEntry[]> {
  const { limit = Infinity, ...rest } = filter;
  const log = new AuditLog(connection);
  const entries = await log.read(rest);
  const stored = (await storedChanges(connection)).filter((entry) => fits(entry, rest));
  return trailOf(entries, stored, Date.now()).slice(limit === Infinity ? 0 : -limit);
}

/** Pure: what came of each entry, given the changes that the bucket has. */
export function trailOf(
  entries: readonly AuditEntry[],
  stored: readonly AuditEntry[],
  nowMs: number,
): TrailEntry[] {
  const made = new Set([...stored, ...entries].map(afterOf).concat(stored.map(({ id }) => id)));
  const logged = new Set(entries.map(({ id }) => id));
  const lost = stored
    .filter(({ id }) => !logged.has(id))
    .map((entry): TrailEntry => ({ ...entry, outcome: 'made', lost: true }));
  const told = entries.map((entry): TrailEntry => ({ ...entry, outcome: outcomeOf(entry, made, nowMs) }));
  // Stable: what the log has stays in its order.
  return lost.length === 0 ? told : [...lost, ...told].sort((a, b) => a.at.localeCompare(b.at));
}

function outcomeOf(entry: AuditEntry, made: ReadonlySet<unknown>, nowMs: number): TrailEntry['outcome'] {
  if (entry.kind !== 'edge' && entry.kind !== 'flag') return 'done';
  if (made.has(entry.id)) return 'made';
  return nowMs - Date.parse(entry.at) < OPEN_MS ? 'open' : 'not made';
}

/**
 * The last changes of each edge and flag, as the bucket has them. What they were decided on it does not know.
 *
 * @throws BANYAN_CONTROL_UNREACHABLE
 */
export async function storedChanges(connection: NatsConnection): Promise<AuditEntry[]> {
  const [stages, flags] = await Promise.all([StageStore.open(connection), FlagStore.open(connection)]);
  const [ofEdges, ofFlags] = await Promise.all([stages.histories(), flags.histories()]);
  return [
    ...ofEdges.map((record) => entryOfStage(record, undefined)),
    ...ofFlags.map((record) => entryOfFlag(record, { after: undefined })),
  ];
}

function fits({ kind, about, at }: AuditEntry, filter: AuditFilter): boolean {
  if (filter.kind !== undefined && filter.kind !== kind) return false;
  if (filter.about !== undefined && filter.about !== about) return false;
  return filter.sinceMs === undefined || Date.parse(at) >= filter.sinceMs;
}
