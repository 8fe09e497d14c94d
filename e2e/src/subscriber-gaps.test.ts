import { defineEvent, streamOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { SourceRelay } from '@banyan/relay';
import { on, subscriber, type Subscriber } from '@banyan/subscriber';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

let database: TestDatabase;
let nats: TestNats;
let source: string;
let relay: SourceRelay;
let running: Subscriber | undefined;

beforeEach(async () => {
  const statements = ['create table applied (i bigserial, event_n bigint)'];
  [database, nats] = await Promise.all([
    testDatabase({ roles: ['outbox', 'subscriber'], statements }),
    testNats(),
  ]);
  source = uniqueName('projects');
  relay = startRelay();
});

afterEach(async () => {
  await running?.stop();
  await relay.stop();
  await (await jetstreamManager(nats.connection)).streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

function startRelay(): SourceRelay {
  const made = new SourceRelay({ source, databaseUrl: database.url, natsUrl: nats.url });
  made.start();
  return made;
}

function startSubscriber(): Subscriber {
  const renamed = defineEvent<Uint8Array>({
    source,
    aggregate: 'project',
    type: 'ProjectRenamed',
    codec: { encode: (data) => ({ finish: () => data }), decode: (data) => data },
    key: () => 'unused',
    version: () => 1,
  });
  const handler = on(renamed, async (tx, _data, { position }) => {
    await tx.query('insert into applied (event_n) values ($1)', [position.split('.')[1]]);
  });
  running = subscriber({
    name: 'gaps',
    sources: [source],
    databaseUrl: database.url,
    nats: nats.connection,
    handlers: [handler],
    pollIntervalMs: 20,
  });
  running.start();
  return running;
}

/** So many events of a few keys, all in the stream. */
async function emit(from: number, to: number): Promise<void> {
  await database.pool.query(
    `select banyan.emit('project', 'p' || i % 5, 'ProjectRenamed', convert_to(i::text, 'UTF8'), i)
     from generate_series($1::bigint, $2::bigint) i`,
    [from, to],
  );
  await vi.waitFor(() => expect(relay.status.ackedN).toBe(to), { timeout: 60_000, interval: 20 });
}

/** What an operator does who lets the stream keep fewer messages: all but the last few go. */
async function keepLast(messages: number): Promise<void> {
  const manager = await jetstreamManager(nats.connection);
  await manager.streams.update(streamOf(source), { max_msgs: messages });
}

async function untilApplied(count: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const { rows } = await database.pool.query<object>(`
        select count(*)::int as events, count(distinct event_n)::int as different,
          (select count(*)::int from (
            select event_n < lag(event_n) over (partition by event_n % 5 order by i) as back from applied) o
           where back) as inversions
        from applied`);
      expect(rows).toEqual([{ events: count, different: count, inversions: 0 }]);
    },
    { timeout: 60_000, interval: 50 },
  );
}

it('fills a gap in the middle from the source’s outbox', async () => {
  await emit(1, 20);
  const first = startSubscriber();
  await untilApplied(20);
  await first.stop();
  await emit(21, 200);
  await keepLast(10);
  startSubscriber();
  await untilApplied(200);
  await emit(201, 220);
  await untilApplied(220);
  await expect.poll(() => running?.status.sources[0]?.lanes.flatMap(({ stopped }) => stopped)).toEqual([]);
}, 240_000);

it('brings a new subscriber what has left the stream before it came', async () => {
  await emit(1, 1500);
  await keepLast(20);
  startSubscriber();
  await untilApplied(1500);
}, 240_000);

it('stops while nobody serves the range, says what to do, and goes on once a relay is back', async () => {
  await emit(1, 100);
  await keepLast(5);
  await relay.stop();
  const started = startSubscriber();
  await vi.waitFor(
    () => {
      const stopped = started.status.sources[0]?.lanes.flatMap((lane) => lane.stopped) ?? [];
      expect(stopped).toHaveLength(5);
      expect(stopped[0]).toMatchObject({
        code: 'BANYAN_GAP_UNSERVED',
        remedy: expect.stringContaining('banyan backfill') as string,
      });
    },
    { timeout: 60_000, interval: 50 },
  );
  relay = startRelay();
  await untilApplied(100);
}, 240_000);

it('stops for good at what has left the outbox too', async () => {
  await emit(1, 50);
  await keepLast(5);
  await database.pool.query(
    'update banyan.source set retained_after_tick = (select max(tick) from banyan.tick)',
  );
  const started = startSubscriber();
  await vi.waitFor(
    () => {
      const stopped = started.status.sources[0]?.lanes.flatMap((lane) => lane.stopped) ?? [];
      expect(stopped[0]?.because).toMatch(/BANYAN_NOT_RETAINED/);
    },
    { timeout: 60_000, interval: 50 },
  );
  await untilApplied(0);
}, 240_000);
