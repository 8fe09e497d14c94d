import { formatPosition, streamOf, subjectsOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { jetstreamManager } from '@nats-io/jetstream';
import { headers } from '@nats-io/nats-core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { auditStream, isBalanced } from './audit.js';
import { newestTick, takeTick } from './tick.js';

let database: TestDatabase;
let nats: TestNats;
let source: string;
let ids: string[];

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  source = uniqueName('projects');
  const manager = await jetstreamManager(nats.connection);
  await manager.streams.add({ name: streamOf(source), subjects: [subjectsOf(source)] });
  const { rows } = await database.pool.query<{ id: string }>(
    `select banyan.emit('project', 'p', 'ProjectRenamed', '', i) as id from generate_series(1, 4) i`,
  );
  ids = rows.map(({ id }) => id);
});

afterEach(async () => {
  await (await jetstreamManager(nats.connection)).streams.delete(streamOf(source));
  await Promise.all([database.drop(), nats.close()]);
});

/** Puts an event into the stream at a position, as no relay ever would. */
async function put(id: string, n: number, prevN = n - 1): Promise<void> {
  const head = headers();
  head.set('ce-id', id);
  head.set('ce-partitionkey', 'project/p');
  head.set('Banyan-Position', formatPosition(1, n));
  head.set('Banyan-Prev', formatPosition(1, prevN));
  await nats.connection.request(`evt.${source}.project.ProjectRenamed.07`, '', {
    headers: head,
    timeout: 20_000,
  });
}

async function putInOrder(order: readonly number[]): Promise<void> {
  for (const [index, which] of order.entries()) await put(ids[which] ?? '', index + 1);
}

const audit = () => auditStream(database.pool, nats.connection, source);

it('finds nothing wrong with a stream that holds each event once, in order', async () => {
  await putInOrder([0, 1, 2, 3]);
  const report = await audit();
  expect(report).toMatchObject({ committed: 4, messages: 4 });
  expect(isBalanced(report)).toBe(true);
});

it('counts an event that is there twice', async () => {
  await putInOrder([0, 1, 1, 2, 3]);
  expect(await audit()).toMatchObject({ duplicates: 1 });
});

it('counts events that are not there', async () => {
  await putInOrder([0, 1]);
  expect(await audit()).toMatchObject({ missing: 2 });
});

it('counts events of one key in the wrong order', async () => {
  await putInOrder([0, 2, 1, 3]);
  expect(await audit()).toMatchObject({ inversions: 1 });
});

it('counts positions that jump, and links that lead elsewhere', async () => {
  await put(ids[0] ?? '', 1);
  await put(ids[1] ?? '', 3, 1);
  await put(ids[2] ?? '', 4, 2);
  expect(await audit()).toMatchObject({ gaps: 1, brokenLinks: 1 });
});

it('counts events that no transaction committed', async () => {
  await putInOrder([0, 1, 2, 3]);
  await put('00000000-0000-4000-8000-000000000000', 5);
  expect(await audit()).toMatchObject({ unknown: 1 });
});

/** As the relay does before it publishes: from then on positions can be computed. */
async function recordTick(): Promise<void> {
  const client = await database.pool.connect();
  await client.query('set search_path to banyan');
  await takeTick(client, await newestTick(client));
  client.release();
}

it('compares by position, stretch by stretch', async () => {
  await recordTick();
  await putInOrder([0, 1, 2, 3]);
  expect(await audit()).toMatchObject({ ranges: 1, differences: [], repair: 'nothing' });
});

it('tells a tail that the relay brings back by itself', async () => {
  await recordTick();
  await putInOrder([0, 1]);
  expect(await audit()).toMatchObject({
    repair: 'relay',
    differences: [{ kind: 'missing-at-end', inStream: 2, inDatabase: 4, first: { n: 3, database: ids[2] } }],
  });
});

it('tells a hole that only the outbox can fill', async () => {
  await recordTick();
  await put(ids[0] ?? '', 1);
  await put(ids[2] ?? '', 3);
  await put(ids[3] ?? '', 4);
  expect(await audit()).toMatchObject({
    repair: 'ranges',
    differences: [{ kind: 'missing-inside', first: { n: 2, stream: undefined, database: ids[1] } }],
  });
});

it('tells another history by the first position that holds another event', async () => {
  await recordTick();
  const other = '00000000-0000-4000-8000-000000000000';
  await put(ids[0] ?? '', 1);
  await put(other, 2);
  await put(ids[2] ?? '', 3);
  expect(await audit()).toMatchObject({
    repair: 'decision',
    differences: [
      { kind: 'other-event', fromN: 1, toN: 10_000, first: { n: 2, stream: other, database: ids[1] } },
    ],
  });
});

it('counts a message of a stranger as unknown', async () => {
  await putInOrder([0, 1, 2, 3]);
  await nats.connection.request(`evt.${source}.stranger`, 'x', { timeout: 20_000 });
  expect(await audit()).toMatchObject({ messages: 5, unknown: 1, repair: 'decision' });
});
