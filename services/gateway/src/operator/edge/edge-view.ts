import {
  arrivedOf,
  MismatchStore,
  parityRows,
  resolveGateOptions,
  type EdgeOverview,
  type GateOptions,
  type Mismatch,
  type ParityRow,
  type ProcessReport,
} from '@banyan/control';
import type { NatsConnection } from '@nats-io/nats-core';
import type { EdgeView } from '../wire.js';

const MOST_MISMATCHES = 50;
const COMPARES = new Set(['shadow', 'prefer-replica']);

/** What the gate of an edge counts, in numbers. */
export function countsFor(
  overview: EdgeOverview,
  reports: readonly ProcessReport[],
  gate: GateOptions,
): Pick<EdgeView, 'parity' | 'reactions'> {
  return { parity: parityOf(overview, reports, gate), reactions: reactionsOf(overview, gate) };
}

function parityOf(
  { edge, changeId, stage }: EdgeOverview,
  reports: readonly ProcessReport[],
  gate: GateOptions,
): ParityRow[] {
  const own = reports.flatMap(({ edges }) => edges.filter((each) => each.edge === edge));
  const queries = own.filter((each) => each.kind === 'query');
  const rows = queries.length === 0 ? [] : parityRows(queries, changeId, gate);
  const hasCompared = rows.some(({ agreed, disagreed, unjudged }) => agreed + disagreed + unjudged > 0);
  return hasCompared || COMPARES.has(stage) ? rows : [];
}

function reactionsOf(overview: EdgeOverview, gate: GateOptions): EdgeView['reactions'] {
  if (overview.kind !== 'reaction' || overview.stage !== 'dual') return null;
  const { minReactions: needed } = resolveGateOptions(gate);
  const last = overview.evidence.find(({ changeId }) => changeId === overview.changeId);
  return { arrived: last === undefined ? 0 : arrivedOf(last.counts), needed };
}

/** Newest first. @throws BanyanError BANYAN_CONTROL_UNREACHABLE */
export async function mismatchesOf(connection: NatsConnection, edge: string): Promise<Mismatch[]> {
  const store = await MismatchStore.open(connection, { timeoutMs: 2_000 });
  return (await store.list(edge)).slice(-MOST_MISMATCHES).reverse();
}
