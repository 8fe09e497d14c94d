import pg from 'pg';
import { wait } from '@banyan/runtime';
import { streamOf } from '@banyan/contracts';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { SERVICES, type MigratedSystem } from '../system.js';

const APPLIED = `
select coalesce(max(n), 0) as n from banyan.position where subscriber = 'tasks-project-replica' and source = 'projects'`;

/**
 * Waits until everything that is committed is in the streams, and all of projects' in the replica. It only waits: whether
 * it is right is the ledger's question.
 */
export async function settle(system: MigratedSystem, nats: NatsConnection, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  const manager = await jetstreamManager(nats);
  for (const service of SERVICES) {
    const committed = await oneNumber(system.databaseUrl(service), 'select count(*) as n from banyan.outbox');
    const published = async (): Promise<boolean> =>
      (await manager.streams.info(streamOf(service))).state.messages >= committed;
    await until(published, deadlineMs);
    if (service !== 'projects') continue;
    await until(async () => (await oneNumber(system.databaseUrl('tasks'), APPLIED)) >= committed, deadlineMs);
  }
}

async function until(holds: () => Promise<boolean>, deadlineMs: number): Promise<void> {
  while (!(await holds()) && performance.now() < deadlineMs) await wait(50);
}

async function oneNumber(databaseUrl: string, query: string): Promise<number> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const { rows } = await client.query<{ n: string }>(query);
    return Number(rows[0]?.n);
  } finally {
    await client.end();
  }
}
