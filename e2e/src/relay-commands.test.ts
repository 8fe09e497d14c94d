import { streamOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { run } from '@banyan/playbook';
import { SourceRelay, type SourceRelayConfig } from '@banyan/relay';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const patience = { timeout: 60_000, interval: 20 };

let database: TestDatabase;
let nats: TestNats;
let manager: JetStreamManager;
let source: string;
let relays: SourceRelay[];

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  manager = await jetstreamManager(nats.connection);
  source = uniqueName('billing');
  relays = [];
});

afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  await manager.streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

function startRelay(options: Partial<SourceRelayConfig> = {}): SourceRelay {
  const where = { source, databaseUrl: database.url, natsUrl: nats.url };
  // Few in flight: it looks at the stream's last messages only, and goes on with a hole further back.
  const relay = new SourceRelay({ ...where, maxInFlight: 2, retryMaxDelayMs: 200, ...options });
  relays.push(relay);
  relay.start();
  return relay;
}

const acked = (relay: SourceRelay, n: number): Promise<void> =>
  vi.waitFor(() => expect(relay.status.ackedN).toBe(n), patience);

const leaders = (): SourceRelay[] => relays.filter(({ status }) => status.state === 'leading');

async function emit(count: number): Promise<void> {
  await database.pool.query(
    `select banyan.emit('project', 'p' || i, 'ProjectRenamed', 'x', 1) from generate_series(1, $1::int) i`,
    [count],
  );
}

async function published(count: number): Promise<SourceRelay> {
  const relay = startRelay();
  // One tick each.
  for (let n = 1; n <= count; n++) {
    await emit(1);
    await acked(relay, n);
  }
  return relay;
}

interface Ended {
  code: number;
  out: string;
  err: string;
  json: Record<string, unknown>;
}

async function banyan(...args: string[]): Promise<Ended> {
  const [out, err]: [string[], string[]] = [[], []];
  const terminal = {
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    confirm: undefined,
  };
  const code = await run(args, { terminal, env: { NATS_URL: nats.url }, folder: '/' });
  const json = args.includes('--json') ? (JSON.parse(out.join('\n')) as Record<string, unknown>) : {};
  return { code, out: out.join('\n'), err: err.join('\n'), json };
}

/** The stream without some of its messages, as a broker that lost them would have it. */
async function loseMessages(...lost: number[]): Promise<void> {
  await Promise.all(relays.map((relay) => relay.stop()));
  const { config, state } = await manager.streams.info(streamOf(source));
  const messages = [];
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage(config.name, { seq });
    if (message !== null && !lost.includes(seq)) messages.push(message);
  }
  await manager.streams.delete(config.name);
  await manager.streams.add({ ...config, description: 'as the operator made it' });
  for (const { subject, data, header } of messages) {
    header.delete('Nats-Expected-Last-Sequence');
    await nats.connection.request(subject, data, { headers: header, timeout: 15_000 });
  }
}

async function positions(): Promise<string[]> {
  const { state } = await manager.streams.info(streamOf(source));
  const found: string[] = [];
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage(streamOf(source), { seq });
    found.push(message?.header.get('Banyan-Position') ?? '');
  }
  return found;
}

const dense = (count: number): string[] => Array.from({ length: count }, (_, index) => `1.${index + 1}`);

describe('banyan relay audit', () => {
  it('finds a whole stream sound, while writers write', async () => {
    const relay = await published(3);
    const stop = new AbortController();
    const writing = (async () => {
      for (; !stop.signal.aborted;) await emit(20);
    })();
    const found = await banyan('relay', 'audit', source, '--json');
    stop.abort();
    await writing;
    expect(found).toMatchObject({
      code: 0,
      json: { ok: true, audit: { missingInside: 0, repair: 'nothing' } },
    });
    expect(found.json['relay']).toMatchObject({ state: 'leading' });
    expect(relay.status.state).toBe('leading');
  });

  it('names the holes, and what is at their place in the database', async () => {
    await published(8);
    await loseMessages(2, 3, 5);
    await acked(startRelay(), 8);
    const found = await banyan('relay', 'audit', source);
    expect(found.code).toBe(1);
    expect(found.out).toContain('missing    3 inside, 0 at the end');
    expect(found.out).toContain('holes      2–3, 5');
    expect(found.out).toMatch(
      /differs {4}1 to 8: 5 messages, 8 events; first at 2: stream nothing, database [0-9a-f-]+/,
    );
  });

  it('tells a relay that is not there, with the name that was meant', async () => {
    const typo = await banyan('relay', 'audit', `${source}x`, '--json');
    expect(typo).toMatchObject({ code: 1, json: { ok: false, error: { code: 'BANYAN_RELAY_UNREACHABLE' } } });
    expect(typo.err.split('\n')).toHaveLength(1);
  });

  it('asks which relay is meant when two databases claim to be the source', async () => {
    const other = await testDatabase({ roles: ['outbox'] });
    try {
      await published(1);
      startRelay({ databaseUrl: other.url });
      await vi.waitFor(async () => {
        const found = await banyan('relay', 'audit', source);
        expect(found).toMatchObject({ code: 1, err: expect.stringContaining('2 databases claim') as string });
      }, patience);
    } finally {
      await relays.at(-1)?.stop();
      await other.drop();
    }
  });
});

describe('banyan relay repair', () => {
  it('does nothing without being told to, and publishes the stream anew when it is', async () => {
    await published(8);
    await loseMessages(2, 3, 5);
    const relay = startRelay();
    await acked(relay, 8);
    const plan = await banyan('relay', 'repair', source);
    expect(plan.code).toBe(2);
    expect(plan.out).toContain('served     3 of 3 missing events');
    expect(plan.out).toContain('would delete the stream and publish it anew');
    expect(await positions()).toHaveLength(5);
    const done = await banyan('relay', 'repair', source, '--yes', '--json');
    expect(done).toMatchObject({
      code: 0,
      json: { rebuilt: true, audit: { repair: 'nothing', messages: 8 } },
    });
    expect(await positions()).toEqual(dense(8));
    const { config } = await manager.streams.info(streamOf(source));
    expect(config).toMatchObject({ description: 'as the operator made it', deny_delete: true });
    await emit(1);
    await vi.waitFor(() => expect(leaders()[0]?.status.ackedN).toBe(9), patience);
  });

  it('mends a stream whose hole keeps every relay from publishing', async () => {
    await published(4);
    await loseMessages(3);
    const relay = startRelay();
    await vi.waitFor(() => expect(relay.status.state).toBe('refusing'), patience);
    expect((await banyan('relay', 'repair', source, '--yes')).code).toBe(0);
    expect(await positions()).toEqual(dense(4));
  });

  it('leaves a stream whose beginning has left the outbox, and says that readers are served', async () => {
    await published(8);
    await database.pool.query(
      `update banyan.source set retained_after_tick = (select max(tick) from banyan.tick where first_n <= 3)`,
    );
    await loseMessages(2, 5);
    await acked(startRelay(), 8);
    const done = await banyan('relay', 'repair', source, '--yes', '--json');
    expect(done).toMatchObject({
      code: 0,
      json: { plan: 'serve', missing: 1, served: 1, lost: [], rebuilt: false },
    });
    expect(await positions()).toHaveLength(6);
  });

  it('decides nothing about events that the database does not have', async () => {
    await published(3);
    await nats.connection.request(`evt.${source}.stranger`, 'x', { timeout: 15_000 });
    const found = await banyan('relay', 'repair', source, '--yes', '--json');
    expect(found).toMatchObject({
      code: 1,
      json: { plan: 'decide', rebuilt: false, audit: { strangers: 1 } },
    });
  });
});

describe('banyan relay new-epoch', () => {
  it('is decided by way of the relay that refuses', async () => {
    await published(2);
    const before = relays[0];
    await before?.stop();
    // As in a database that has gone on from an older backup: other events at the same positions.
    await database.pool.query('update banyan.outbox set event_id = gen_random_uuid()');
    await database.pool.query('update banyan.tick set last_event_id = gen_random_uuid() where tick > 0');
    const relay = startRelay();
    await vi.waitFor(() => expect(relay.status.state).toBe('refusing'), patience);
    expect((await banyan('relay', 'new-epoch', source)).err).toContain('needs --reason');
    const plan = await banyan('relay', 'new-epoch', source, '--reason', 'a drill');
    expect(plan.code).toBe(2);
    expect(plan.out).toContain('would begin epoch 2');
    const done = await banyan('relay', 'new-epoch', source, '--reason', 'a drill', '--by', 'ann', '--yes');
    expect(done.code).toBe(0);
    const { rows } = await database.pool.query('select decided_by, reason from banyan.epoch where epoch = 2');
    expect(rows).toEqual([{ decided_by: 'ann', reason: 'a drill' }]);
    await vi.waitFor(() => expect(relay.status.state).toBe('leading'), patience);
  });

  it('is refused while a relay leads', async () => {
    await published(1);
    const refused = await banyan('relay', 'new-epoch', source, '--reason', 'a drill', '--yes', '--json');
    expect(refused).toMatchObject({ code: 1, json: { error: { code: 'BANYAN_EPOCH_REFUSED' } } });
  });

  it('says where to turn to when no relay runs', async () => {
    const nobody = await banyan('relay', 'new-epoch', source, '--reason', 'a drill');
    expect(nobody).toMatchObject({
      code: 1,
      err: expect.stringContaining('run `banyan-relay new-epoch`') as string,
    });
  });
});

describe('banyan capture', () => {
  const enable = (...more: string[]): Promise<Ended> =>
    banyan('capture', 'enable', source, 'public.invoice', ...more);

  it('tries it first, then publishes the changes of a table, and ends it', async () => {
    await database.pool.query('create table invoice (id integer primary key, total integer)');
    const relay = startRelay();
    await acked(relay, 0);
    const plan = await enable();
    expect(plan).toMatchObject({ code: 2, out: expect.stringContaining('would be captured') as string });
    await database.pool.query('insert into invoice values (1, 10)');
    expect((await enable('--yes')).out).toContain('captured from now on');
    expect((await enable('--yes')).out).toContain('captured already');
    await database.pool.query('insert into invoice values (2, 20)');
    await acked(relay, 1);
    expect((await banyan('capture', 'list', source, '--json')).json).toMatchObject({ tables: ['invoice'] });
    expect((await banyan('capture', 'disable', source, 'invoice', '--yes')).code).toBe(0);
    expect((await banyan('capture', 'list', source)).out).toBe('no table is captured');
  });

  it('says what speaks against it, with nothing waiting behind a table that is in use', async () => {
    await database.pool.query('create table invoice (total integer)');
    await acked(startRelay(), 0);
    expect((await enable('--json')).json).toMatchObject({
      error: { code: 'BANYAN_CAPTURE_REFUSED', message: expect.stringContaining('no primary key') as string },
    });
    expect((await banyan('capture', 'enable', source, 'nowhere')).err).toContain('nowhere');
    expect((await banyan('capture', 'enable', source, 'banyan.outbox')).err).toContain("the service's own");
    await database.pool.query('alter table invoice add id integer primary key');
    const writer = await database.pool.connect();
    await writer.query('begin');
    await writer.query('insert into invoice (id) values (1)');
    expect((await enable('--yes')).err).toContain('A transaction holds the table');
    await writer.query('rollback');
    writer.release();
    expect((await enable('--yes')).code).toBe(0);
  });
});

describe('a relay that audits by itself', () => {
  it('finds a hole that was made behind it, and tells of it', async () => {
    await published(6);
    await loseMessages(2);
    const relay = startRelay({ auditIntervalMs: 50 });
    await vi.waitFor(
      () => expect(relay.status.audit).toMatchObject({ toN: 6, missing: 1, foreign: 0 }),
      patience,
    );
    expect(relay.status.state).toBe('leading');
  });

  it('takes no tasks from operators when it is told so', async () => {
    await acked(startRelay({ operatorTasks: false }), 0);
    expect((await banyan('relay', 'audit', source)).err).toContain('BANYAN_RELAY_UNREACHABLE');
  });
});

it('takes a shard by its name, and looks at no other', async () => {
  await migrate({ databaseUrl: database.url, roles: ['outbox'], shards: 2 });
  await database.pool.query('select banyan.set_shards(2)');
  for (const shard of [0, 1]) startRelay({ shards: 2, shard });
  await emit(40);
  const published = (): number => relays.reduce((sum, { status }) => sum + (status.ackedN ?? 0), 0);
  await vi.waitFor(() => expect(published()).toBe(40), patience);
  const second = await banyan('relay', 'audit', `${source}-1`, '--json');
  const messages = relays[1]?.status.ackedN;
  expect(second).toMatchObject({
    code: 0,
    json: { audit: { source: `${source}-1`, messages, compared: messages } },
  });
  await manager.streams.delete(streamOf(`${source}-1`));
});
