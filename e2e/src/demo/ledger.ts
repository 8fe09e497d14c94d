import pg from 'pg';
import { auditStream, isBalanced, type AuditReport } from '@banyan/relay';
import type { NatsConnection } from '@nats-io/transport-node';
import { SERVICES, type MigratedSystem, type ServiceName } from '../system.js';

/** How two tables that should hold the same rows compare. */
export interface ReplicaReport {
  sourceRows: number;
  replicaRows: number;
  /** In the source and not in the replica. */
  missing: number;
  /** In the replica and not in the source. */
  extra: number;
  different: number;
}

export interface Ledger {
  streams: Record<ServiceName, AuditReport>;
  replica: ReplicaReport;
}

const SOURCE_ROWS = `
select id::text, to_jsonb(p) - 'id' as row from project p`;

const REPLICA_ROWS = `
select project_id::text as id, to_jsonb(p) - 'project_id' as row from project_replica p`;

export function isLedgerBalanced({ streams, replica }: Ledger): boolean {
  const { sourceRows, replicaRows, missing, extra, different } = replica;
  const same = sourceRows > 0 && sourceRows === replicaRows && missing + extra + different === 0;
  return same && Object.values(streams).every((report) => report.messages > 0 && isBalanced(report));
}

/** Adds everything up while nobody writes: each stream against its outbox, the replica against its source. */
export async function readLedger(system: MigratedSystem, nats: NatsConnection): Promise<Ledger> {
  const pools = new Map(
    SERVICES.map((service) => [
      service,
      new pg.Pool({ connectionString: system.databaseUrl(service), max: 2 }),
    ]),
  );
  const pool = (service: ServiceName): pg.Pool => {
    const found = pools.get(service);
    if (found === undefined) throw new Error(`no pool for ${service}`);
    return found;
  };
  try {
    const [teams, projects, tasks] = await Promise.all([
      auditStream(pool('teams'), nats, 'teams'),
      auditStream(pool('projects'), nats, 'projects'),
      auditStream(pool('tasks'), nats, 'tasks'),
    ]);
    return {
      streams: { teams, projects, tasks },
      replica: await compareReplica(pool('projects'), pool('tasks')),
    };
  } finally {
    await Promise.all([...pools.values()].map((each) => each.end()));
  }
}

async function compareReplica(source: pg.Pool, subscriber: pg.Pool): Promise<ReplicaReport> {
  const [original, copy] = await Promise.all([rowsOf(source, SOURCE_ROWS), rowsOf(subscriber, REPLICA_ROWS)]);
  const ids = [...original.keys()];
  return {
    sourceRows: original.size,
    replicaRows: copy.size,
    missing: ids.filter((id) => !copy.has(id)).length,
    extra: [...copy.keys()].filter((id) => !original.has(id)).length,
    different: ids.filter((id) => copy.has(id) && copy.get(id) !== original.get(id)).length,
  };
}

async function rowsOf(pool: pg.Pool, query: string): Promise<Map<string, string>> {
  const { rows } = await pool.query<{ id: string; row: object }>(query);
  return new Map(rows.map(({ id, row }) => [id, JSON.stringify(row)]));
}
