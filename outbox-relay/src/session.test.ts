import { silentLogger } from '@banyan/runtime';
import { testDatabase, type TestDatabase } from '@banyan/devstack';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Session } from './session.js';

let database: TestDatabase;
let sessions: Session[];

beforeEach(async () => {
  database = await testDatabase();
  sessions = [];
});

afterEach(async () => {
  await Promise.all(sessions.map((session) => session.close()));
  await database.drop();
});

async function open(): Promise<Session> {
  const session = await Session.open(database.url, 'banyan-relay test', { shard: 0, logger: silentLogger });
  sessions.push(session);
  return session;
}

it('shows signs of life behind a long query, without a warning from the driver', async () => {
  const warnings: string[] = [];
  const note = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', note);
  try {
    const leader = await open();
    await leader.tryLead();
    const reading = [leader.client.query('select pg_sleep(2.5)'), leader.client.query('select 1')];
    await Promise.all(reading);
    leader.check();
    expect(warnings).toEqual([]);
  } finally {
    process.off('warning', note);
  }
});

it('is not taken for silent while a query runs for longer than stand-bys are patient', async () => {
  const [leader, standby] = [await open(), await open()];
  await leader.tryLead();
  const running = new AbortController();
  const reading = leader.client.query('select pg_sleep(3.5)').finally(() => running.abort());
  while (!running.signal.aborted) {
    expect(await standby.endSilentLeader(1500)).toBeUndefined();
    await standby.client.query('select pg_sleep(0.1)');
  }
  await reading;
});
