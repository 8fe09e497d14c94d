import pg from 'pg';
import { startStack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { wait } from '@banyan/runtime';
import { PEER_TABLE } from '../peers/row-by-row.js';
import { RelayChild } from '../relay-process.js';
import { median, rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';

/** Watched in all, in ms; split over the rounds. */
const WATCHED_MS = 30_000;
/** Until connections are open and the relay sleeps. */
const SETTLE_MS = 2000;
/** P8 of the design, in per cent of a core. */
const TARGET_PERCENT = 1;

/** P8: what a relay costs that has nothing to do. */
export const idleCase: BenchCase = {
  name: 'idle',
  about: 'CPU share of an idle relay process; reference: a row-by-row relay that polls every 5 ms',
  run: async (options) => {
    const stack = await startStack({ databases: ['idle'], log: options.say });
    const databaseUrl = stack.postgres.url('idle');
    try {
      await migrate({ databaseUrl, roles: ['outbox'] });
      await createPeerTable(databaseUrl);
      const config = { source: 'idle', databaseUrl, natsUrl: stack.urls.nats };
      const relays = {
        banyan: await RelayChild.start('banyan', config),
        'row-by-row': await RelayChild.start('row-by-row', config),
      };
      await wait(SETTLE_MS);
      const result = await measure(relays, options);
      await Promise.all(Object.values(relays).map((relay) => relay.stop()));
      return result;
    } finally {
      await stack.stop();
    }
  },
};

type IdleKind = 'banyan' | 'row-by-row';

async function createPeerTable(databaseUrl: string): Promise<void> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query(PEER_TABLE);
  await client.end();
}

async function measure(
  relays: Record<IdleKind, RelayChild>,
  { rounds, say }: BenchOptions,
): Promise<BenchResult> {
  const percents: Record<IdleKind, number[]> = { banyan: [], 'row-by-row': [] };
  for (let round = 1; round <= rounds; round++) {
    for (const kind of ['row-by-row', 'banyan'] as const) {
      percents[kind].push(await cpuPercent(relays[kind], WATCHED_MS / rounds));
    }
    say(
      `round ${round}: relay ${rounded(percents.banyan.at(-1) ?? NaN)} %, row by row ${rounded(percents['row-by-row'].at(-1) ?? NaN)} %`,
    );
  }
  const [value, reference] = [median(percents.banyan), median(percents['row-by-row'])];
  const { maxRssBytes } = await relays.banyan.usage();
  return {
    case: 'idle',
    unit: '% of a core',
    value: rounded(value),
    reference: rounded(reference),
    ratio: rounded(value / reference),
    target: TARGET_PERCENT,
    met: value < TARGET_PERCENT,
    details: {
      targetIsFor: 'value',
      watchedMs: WATCHED_MS,
      rounds,
      maxRssMb: Math.round(maxRssBytes / 2 ** 20),
    },
  };
}

async function cpuPercent(relay: RelayChild, ms: number): Promise<number> {
  const [startMs, before] = [performance.now(), await relay.usage()];
  await wait(ms);
  const after = await relay.usage();
  return ((after.cpuMs - before.cpuMs) / (performance.now() - startMs)) * 100;
}
