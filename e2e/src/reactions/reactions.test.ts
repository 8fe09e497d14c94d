import { testDatabase, testNats, type TestDatabase, type TestNats } from '@banyan/devstack';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ReactionChaos } from './reaction-chaos.js';
import { TABLES } from './stage.js';

let database: TestDatabase;
let nats: TestNats;

beforeEach(async () => {
  const roles = ['outbox', 'subscriber'] as const;
  [database, nats] = await Promise.all([testDatabase({ roles, statements: TABLES }), testNats()]);
});

afterEach(() => Promise.all([database.drop(), nats.close()]));

const COMMON = { keys: 1_000, flipEveryMs: 50, killEveryMs: 1_500 };

it(
  'does each reaction once while the stage flips between dual and event, and caller, relay and receiver are killed',
  { timeout: 600_000 },
  async () => {
    const outcome = await ReactionChaos.run(
      { ...COMMON, count: 1_500, stages: ['dual', 'event'] },
      { database, nats },
    );
    expect(outcome).toMatchObject({ ok: true, missing: 0, twice: 0 });
    expect(Object.keys(outcome.byVia)).toEqual(['call', 'event']);
  },
);

it(
  'does each reaction once with call among the stages, if the caller is not killed',
  { timeout: 600_000 },
  async () => {
    const outcome = await ReactionChaos.run(
      {
        ...COMMON,
        count: 1_000,
        stages: ['call', 'dual', 'event', 'dual'],
      },
      { database, nats },
    );
    expect(outcome).toMatchObject({ ok: true, missing: 0, twice: 0 });
    expect(Object.keys(outcome.byStage)).toEqual(['call', 'dual', 'event']);
  },
);
