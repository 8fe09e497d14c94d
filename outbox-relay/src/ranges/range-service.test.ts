import { rangeSubjectOf, streamOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { createInbox, type Msg, type MsgHdrs } from '@nats-io/nats-core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SourceRelay } from '../source-relay.js';

let database: TestDatabase;
let nats: TestNats;
let manager: JetStreamManager;
let source: string;
let relays: SourceRelay[];

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  manager = await jetstreamManager(nats.connection);
  source = uniqueName('projects');
  relays = [];
});

afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  await manager.streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

function startRelay(): SourceRelay {
  const relay = new SourceRelay({ source, databaseUrl: database.url, natsUrl: nats.url });
  relays.push(relay);
  relay.start();
  return relay;
}

/** So many events, in transactions of up to 100 of them, all in the stream. */
async function published(count: number): Promise<SourceRelay> {
  const relay = startRelay();
  for (let from = 1; from <= count; from += 100) {
    await database.pool.query(
      `select banyan.emit('project', 'p' || i % 7, 'ProjectRenamed', convert_to(i::text, 'UTF8'), i)
       from generate_series($1::bigint, $2::bigint) i`,
      [from, Math.min(from + 99, count)],
    );
  }
  await vi.waitFor(() => expect(relay.status.ackedN).toBe(count), { timeout: 60_000, interval: 20 });
  return relay;
}

interface Answer {
  messages: Msg[];
  next: number | undefined;
  error: string | undefined;
}

async function ask(request: unknown): Promise<Answer> {
  const inbox = createInbox();
  const replies = nats.connection.subscribe(inbox, { timeout: 10_000 });
  nats.connection.publish(rangeSubjectOf(source), JSON.stringify(request), { reply: inbox });
  const messages: Msg[] = [];
  for await (const message of replies) {
    if (message.headers?.code === 503) return { messages, next: undefined, error: 'nobody listens' };
    const error = message.headers?.get('Nats-Service-Error') ?? '';
    const next = message.headers?.get('Banyan-Range-Next') ?? '';
    if (error !== '') return { messages, next: undefined, error };
    if (next !== '') return { messages, next: Number(next), error: undefined };
    messages.push(message);
  }
  throw new Error('the answer broke off');
}

/** The answers to the whole range, one after the other: each ends at a number of events, or after two seconds. */
async function askAll({ fromN, ...rest }: { epoch: number; fromN: number; toN: number }): Promise<Answer> {
  const answer = await ask({ ...rest, fromN });
  if (answer.next === undefined || answer.next > rest.toN) return answer;
  const { messages, ...end } = await askAll({ ...rest, fromN: answer.next });
  return { ...end, messages: [...answer.messages, ...messages] };
}

const positions = ({ messages }: Answer): string[] =>
  messages.map(({ headers }) => headers?.get('Banyan-Position') ?? '');

/** All but what chains it in the stream, and what tells its subject. */
function told(headers: MsgHdrs | undefined): Record<string, string | undefined> {
  const skipped = ['Nats-Expected-Last-Sequence', 'Banyan-Subject'];
  const entries = [...(headers ?? [])].filter(([name]) => !skipped.includes(name));
  return Object.fromEntries(entries.map(([name, values]) => [name, values[0]]));
}

it('gives the very messages that are in the stream', async () => {
  await published(250);
  const answer = await askAll({ epoch: 1, fromN: 90, toN: 130 });
  expect(answer.next).toBe(131);
  expect(answer.messages).toHaveLength(41);
  for (const [index, message] of answer.messages.entries()) {
    const stored = await manager.streams.getMessage(streamOf(source), { seq: 90 + index });
    expect(message.headers?.get('Banyan-Subject')).toBe(stored?.subject);
    expect(told(message.headers)).toEqual(told(stored?.header));
    expect(Buffer.from(message.data)).toEqual(Buffer.from(stored?.data ?? ''));
  }
});

it('gives only the events of one partition when it is asked for one', async () => {
  await published(40);
  const all = await askAll({ epoch: 1, fromN: 1, toN: 40 });
  const subject = all.messages[0]?.headers?.get('Banyan-Subject') ?? '';
  const partition = Number(subject.split('.').at(-1));
  const some = await ask({ epoch: 1, fromN: 1, toN: 40, partition });
  const wanted = all.messages.filter(({ headers }) =>
    headers?.get('Banyan-Subject').endsWith(subject.slice(-3)),
  );
  expect(positions(some)).toEqual(wanted.map(({ headers }) => headers?.get('Banyan-Position')));
  expect(some.next).toBe(41);
});

it('gives a long range in parts, and says where to go on', async () => {
  await published(1200);
  const first = await ask({ epoch: 1, fromN: 1, toN: 1200 });
  expect(first.next).toBe(1 + first.messages.length);
  expect(first.messages.length).toBeLessThanOrEqual(1000);
  const rest = await askAll({ epoch: 1, fromN: first.next ?? NaN, toN: 1200 });
  expect([...positions(first), ...positions(rest)]).toEqual(
    Array.from({ length: 1200 }, (_, index) => `1.${index + 1}`),
  );
});

it('is answered by a stand-by when the leader has gone', async () => {
  const leader = await published(3);
  startRelay();
  await leader.stop();
  await vi.waitFor(
    async () => expect(positions(await ask({ epoch: 1, fromN: 2, toN: 2 }))).toEqual(['1.2']),
    {
      timeout: 60_000,
    },
  );
});

it('refuses what is not there, and says why', async () => {
  await published(3);
  const error = async (request: unknown): Promise<string | undefined> => (await ask(request)).error;
  expect(await error({ epoch: 1, fromN: 3, toN: 4 })).toMatch(
    /BANYAN_RANGE_INVALID: 1\.4 is not yet recorded; the last is 1\.3/,
  );
  expect(await error({ epoch: 2, fromN: 1, toN: 1 })).toMatch(
    /BANYAN_NOT_RETAINED: the source is in epoch 1, not 2/,
  );
  expect(await error({ fromN: 2, toN: 1 })).toMatch(/BANYAN_RANGE_INVALID: .* is no range; it must be/);
  await database.pool.query(
    'update banyan.source set retained_after_tick = (select max(tick) from banyan.tick)',
  );
  expect(await error({ epoch: 1, fromN: 1, toN: 1 })).toMatch(
    /BANYAN_NOT_RETAINED: the event at n 1 is no longer/,
  );
});
