import pg from 'pg';
import { wait } from '@banyan/runtime';
import { SERVICES, type MigratedSystem } from '../system.js';

/** Where everything stands in one database: what its service has committed, and how far each of its subscribers is. */
const STANDING = `
select (select count(*) from banyan.outbox) as committed,
       coalesce((select jsonb_agg(jsonb_build_array(subscriber, source, n) order by subscriber, source)
                   from (select subscriber, source, max(n) as n from banyan.position group by 1, 2) as each), '[]') as applied`;

interface Standing {
  committed: number;
  applied: [subscriber: string, source: string, n: number][];
}

/** How long nothing may have moved before it counts as settled, in ms: a reaction may cause another. */
const STILL_MS = 1000;

/**
 * Waits until every subscriber has applied everything that is committed, reactions to reactions included. It only waits:
 * whether it is right is the ledger's question.
 */
export async function settle(system: MigratedSystem, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  let [before, sinceMs] = ['', performance.now()];
  while (performance.now() < deadlineMs) {
    const all = await Promise.all(SERVICES.map((service) => standingOf(system.databaseUrl(service))));
    const now = JSON.stringify(all);
    if (now !== before || !hasAppliedAll(all)) sinceMs = performance.now();
    if (performance.now() - sinceMs >= STILL_MS) return;
    before = now;
    await wait(100);
  }
}

function hasAppliedAll(all: readonly Standing[]): boolean {
  const committed = new Map(
    SERVICES.map((service, index) => [service as string, all[index]?.committed ?? 0]),
  );
  return all.every(({ applied }) => applied.every(([, source, n]) => n >= (committed.get(source) ?? 0)));
}

async function standingOf(databaseUrl: string): Promise<Standing> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const { rows } = await client.query<{ committed: string; applied: Standing['applied'] }>(STANDING);
    return { committed: Number(rows[0]?.committed), applied: rows[0]?.applied ?? [] };
  } finally {
    await client.end();
  }
}
