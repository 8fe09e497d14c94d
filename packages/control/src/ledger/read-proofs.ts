import type { NatsConnection } from '@nats-io/nats-core';
import { parseEdge } from '../edge-name.js';
import type { ProcessReport } from '../report.js';
import type { Stage } from '../stage.js';
import type { StageRecord } from '../stage-record.js';
import { LedgerStore, type LedgerStoreOptions } from './ledger-store.js';
import type { QuietProof } from './quiet-proof.js';

/** From these an edge may be retired. */
const BEFORE_RETIRED: ReadonlySet<Stage> = new Set<Stage>(['prefer-replica', 'replica', 'event']);

export interface EdgesHeardOf {
  records: readonly StageRecord[];
  reports: readonly ProcessReport[];
}

/**
 * The proofs of the edges that may be retired next. One read for each of their providers; none before the first edge is so far.
 *
 * @throws BANYAN_CONTROL_UNREACHABLE
 */
export async function readProofs(
  connection: NatsConnection,
  { records, reports }: EdgesHeardOf,
  options: LedgerStoreOptions = {},
): Promise<QuietProof[]> {
  const run = reports.flatMap(({ edges }) => edges.map(({ edge, running: { stage } }) => ({ edge, stage })));
  const far = [...records, ...run].filter(({ stage }) => BEFORE_RETIRED.has(stage));
  const providers = new Set(far.map(({ edge }) => parseEdge(edge).provider));
  if (providers.size === 0) return [];
  const store = await LedgerStore.open(connection, options);
  return (await Promise.all([...providers].map((provider) => store.proofs(provider)))).flat();
}
