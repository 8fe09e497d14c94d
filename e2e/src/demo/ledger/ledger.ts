import pg from 'pg';
import { auditStream, isBalanced, type AuditReport } from '@banyan/relay';
import type { NatsConnection } from '@nats-io/transport-node';
import { SERVICES, type MigratedSystem, type ServiceName } from '../../system.js';
import { areEffectsRight, readEffects, type EffectReport } from './effects.js';
import { compareReplicas, isSame, type ReplicaReport } from './replicas.js';

export interface Ledger {
  /** Each stream against the outbox that it came from. */
  streams: Record<ServiceName, AuditReport>;
  /** Each replica against its source. */
  replicas: Record<string, ReplicaReport>;
  effects: EffectReport;
}

export function isLedgerBalanced({ streams, replicas, effects }: Ledger): boolean {
  const published = Object.values(streams).every((report) => report.messages > 0 && isBalanced(report));
  return published && Object.values(replicas).every(isSame) && areEffectsRight(effects);
}

/** Adds everything up while nobody writes. */
export async function readLedger(system: MigratedSystem, nats: NatsConnection): Promise<Ledger> {
  const pools = new Map<string, pg.Pool>(
    SERVICES.map((service) => [
      service,
      new pg.Pool({ connectionString: system.databaseUrl(service), max: 2 }),
    ]),
  );
  const pool = (database: string): pg.Pool => {
    const found = pools.get(database);
    if (found === undefined) throw new Error(`no pool for ${database}`);
    return found;
  };
  try {
    const [teams, projects, tasks] = await Promise.all([
      auditStream(pool('teams'), nats, 'teams'),
      auditStream(pool('projects'), nats, 'projects'),
      auditStream(pool('tasks'), nats, 'tasks'),
    ]);
    const [replicas, effects] = await Promise.all([compareReplicas(pool), readEffects(pool)]);
    return { streams: { teams, projects, tasks }, replicas, effects };
  } finally {
    await Promise.all([...pools.values()].map((each) => each.end()));
  }
}
