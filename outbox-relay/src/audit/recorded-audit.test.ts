import { isSound, streamOf, type StreamAudit } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { silentLogger } from '@banyan/runtime';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Session } from '../session.js';
import { SourceRelay } from '../source-relay.js';
import { auditRecorded, type RecordedAuditOptions } from './recorded-audit.js';

const patience = { timeout: 60_000, interval: 20 };

let database: TestDatabase;
let nats: TestNats;
let manager: JetStreamManager;
let session: Session;
let source: string;

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  manager = await jetstreamManager(nats.connection);
  session = await Session.open(database.url, 'audit', { shard: 0, logger: silentLogger });
  source = uniqueName('projects');
});

afterEach(async () => {
  await session.close();
  await manager.streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

/** Publishes so many events, each count in one transaction, and stops the relay. */
async function publish(...counts: number[]): Promise<void> {
  const relay = new SourceRelay({ source, databaseUrl: database.url, natsUrl: nats.url });
  relay.start();
  const { rows } = await database.pool.query<{ n: string }>('select count(*) as n from banyan.outbox');
  let total = Number(rows[0]?.n);
  for (const count of counts) {
    await database.pool.query(
      `select count(banyan.emit('project', 'p' || i % 100, 'ProjectRenamed', 'x')) from generate_series(1, $1::int) i`,
      [count],
    );
    total += count;
    await vi.waitFor(() => expect(relay.status.ackedN).toBe(total), patience);
  }
  await relay.stop();
}

const audit = (options: Partial<RecordedAuditOptions> = {}): Promise<StreamAudit> =>
  auditRecorded({ client: session.client, nats: nats.connection }, { source, ...options });

/** The stream without some of its messages. */
async function lose(isLost: (seq: number) => boolean): Promise<void> {
  const { config, state } = await manager.streams.info(streamOf(source));
  const messages = [];
  for (let seq = 1; seq <= state.last_seq; seq++) {
    if (!isLost(seq)) messages.push(await manager.streams.getMessage(config.name, { seq }));
  }
  await manager.streams.delete(config.name);
  await manager.streams.add(config);
  for (const message of messages) {
    message?.header.delete('Nats-Expected-Last-Sequence');
    const options = { headers: message!.header, timeout: 20_000 };
    await nats.connection.request(message?.subject ?? '', message?.data, options);
  }
}

it('compares transactions that are larger than a stretch, and many small ones', async () => {
  await publish(3, 25_000, 4, 9_998);
  const found = await audit();
  expect(found).toMatchObject({ fromN: 1, toN: 35_005, compared: 35_005, messages: 35_005, notRetained: 0 });
  expect(found.stretches).toBe(6);
  expect(found.digests.stream).toBe(found.digests.database);
  expect(isSound(found)).toBe(true);
});

it('looks at the newest positions only, when it is told so, and at a bounded rate', async () => {
  await publish(50, 50, 50);
  const startMs = performance.now();
  const found = await audit({ newest: 60, toN: 140, eventsPerSecond: 100 });
  expect(found).toMatchObject({ fromN: 81, toN: 140, compared: 60, messages: 60, repair: 'nothing' });
  expect(performance.now() - startMs).toBeGreaterThan(550);
});

it('tells what is missing inside from what is missing at the end', async () => {
  await publish(10, 10);
  await lose((seq) => seq === 4 || seq === 5 || seq === 8 || seq > 17);
  expect(await audit()).toMatchObject({
    ...{ missingInside: 3, missingAtEnd: 3, repair: 'ranges', differing: 1 },
    holes: [
      { fromN: 4, toN: 5 },
      { fromN: 8, toN: 8 },
    ],
  });
  await lose((seq) => seq > 3);
  expect(await audit()).toMatchObject({ missingInside: 0, missingAtEnd: 17, repair: 'relay', holes: [] });
});

it('finds strangers among the messages, however many, and reads past them', async () => {
  await publish(5);
  for (let i = 0; i < 30; i++)
    await nats.connection.request(`evt.${source}.stranger`, 'x', { timeout: 20_000 });
  expect(await audit({ newest: 3 })).toMatchObject({ strangers: 30, messages: 3, repair: 'decision' });
});

it('finds a stream that knows more than the database', async () => {
  await publish(3);
  await publish(2);
  await database.pool.query('delete from banyan.tick where first_n > 3');
  const found = await audit();
  expect(found).toMatchObject({ toN: 3, otherEvents: 2, repair: 'decision' });
});

it('does not call missing what the stream has let expire, nor what the outbox has let go', async () => {
  await publish(2, 2, 2);
  const { config } = await manager.streams.info(streamOf(source));
  await manager.streams.update(config.name, { ...config, max_msgs: 4 });
  expect(await audit()).toMatchObject({ fromN: 3, toN: 6, missingInside: 0, repair: 'nothing' });
  await database.pool.query('update banyan.source set retained_after_tick = 2');
  expect(await audit()).toMatchObject({ fromN: 5, toN: 6, repair: 'nothing' });
  await database.pool.query('update banyan.source set retained_after_tick = 3');
  expect(await audit()).toMatchObject({ compared: 0, repair: 'nothing' });
});

it('holds nothing in the database while it runs, so that slots can be emptied meanwhile', async () => {
  await publish(20);
  const seen: number[] = [];
  const running = `select from pg_stat_activity where application_name = 'audit' and xact_start is not null
    and state <> 'active' and datname = current_database()`;
  await audit({
    onProgress: () => void database.pool.query(running).then(({ rowCount }) => seen.push(rowCount ?? -1)),
    eventsPerSecond: 40,
  });
  await vi.waitFor(() => expect(seen).toEqual([0]), { timeout: 60_000 });
});
