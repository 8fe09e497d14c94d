import { status } from '@grpc/grpc-js';
import { TokenScope, TokenSet, type SeenToken } from '@banyan/runtime';
import { testNats, uniqueName } from '@banyan/devstack';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EdgeStand, projectOf, type EdgeSettings } from '../testing/edge-stand.js';

let nats: Awaited<ReturnType<typeof testNats>>;
const stands: EdgeStand[] = [];

beforeAll(async () => {
  nats = await testNats();
});
afterEach(async () => {
  await Promise.all(stands.splice(0).map((stand) => stand.stop()));
});
afterAll(() => nats.close());

async function standOf(settings: EdgeSettings = {}): Promise<EdgeStand> {
  const stand = new EdgeStand(`${uniqueName('tasks')} -> projects.GetProject`, nats.connection, {
    sampleShare: 0,
    ...settings,
  });
  stands.push(stand);
  return stand.start();
}

const project = (id: string, version: number, more: Partial<SeenToken> = {}): SeenToken => ({
  source: 'projects',
  aggregate: 'project',
  id,
  version,
  ...more,
});

/** A caller who has seen this. */
function caller(...seen: SeenToken[]): TokenScope {
  const scope = new TokenScope();
  for (const token of seen) scope.saw(token);
  return scope;
}

/** The provider is at version 5 of `a`, the replica at version 4. */
async function behind({ tokens, ...settings }: EdgeSettings = {}): Promise<EdgeStand> {
  // Nothing is settled by the mere time that a test takes.
  const stand = await standOf({ ...settings, tokens: { settleMs: 60_000, ...tokens } });
  stand.provider.rows.set('a', projectOf('a', 5));
  stand.replica.put(projectOf('a', 4));
  return stand;
}

/** The replica reaches version 5 just after it was first read. */
function catchesUp({ replica }: EdgeStand): void {
  replica.before = () => {
    setImmediate(() => replica.put(projectOf('a', 5)));
    return Promise.resolve();
  };
}

const byReplica = async (stand: EdgeStand): Promise<number> => (await stand.evidence()).calls.byReplica;

describe('an edge at prefer-replica', () => {
  it('asks the provider while the replica is behind what its caller has seen', async () => {
    const stand = await behind({ tokens: { waitMs: 20 } });
    await stand.move('prefer-replica');
    expect(await caller(project('a', 5)).run(() => stand.get('a'))).toEqual(projectOf('a', 5));
    expect(await caller(project('a', 4)).run(() => stand.get('a'))).toEqual(projectOf('a', 4));
    expect(await stand.get('a')).toEqual(projectOf('a', 4));
    expect((await stand.evidence()).fallbacks).toMatchObject({ token: 1, stale: 0 });
    expect(await byReplica(stand)).toBe(2);
  });

  it('waits briefly for a replica that is about to be there', async () => {
    const stand = await behind({ tokens: { waitMs: 10_000 }, readTimeoutMs: 10_000 });
    await stand.move('prefer-replica');
    catchesUp(stand);
    expect(await caller(project('a', 5)).run(() => stand.get('a'))).toEqual(projectOf('a', 5));
    expect(await byReplica(stand)).toBe(1);
    expect(stand.provider.calls).toBe(0);
  });

  it('never gives an answer older than one that its caller had before, whichever side gave that', async () => {
    const stand = await behind({ tokens: { waitMs: 1 } });
    const session = caller();
    const version = async (): Promise<number | undefined> =>
      (await session.run(() => stand.get('a'))).project?.version;
    expect(await version()).toBe(5);
    await stand.move('shadow');
    expect(await version()).toBe(5);
    await stand.move('prefer-replica');
    expect(await version()).toBe(5);
    stand.replica.put(projectOf('a', 6));
    expect(await version()).toBe(6);
    stand.replica.put(projectOf('a', 5));
    stand.provider.rows.set('a', projectOf('a', 7));
    expect(await version()).toBe(7);
  });

  it('heeds what its caller has seen of this source and of what is asked for, and nothing else', async () => {
    const stand = await behind({ tokens: { waitMs: 1 } });
    await stand.move('prefer-replica');
    const seen = caller(project('b', 9), { ...project('a', 9), source: 'teams' });
    expect(await seen.run(() => stand.get('a'))).toEqual(projectOf('a', 4));
  });

  it('awaits all tokens of the source where an answer may show anything', async () => {
    const stand = await behind({ tokens: { waitMs: 1 } });
    stand.replica.keyed = false;
    await stand.move('prefer-replica');
    expect(await caller(project('b', 1)).run(() => stand.get('a'))).toEqual(projectOf('a', 5));
    stand.replica.reached.add('projects/project/b@1');
    expect(await caller(project('b', 1)).run(() => stand.get('a'))).toEqual(projectOf('a', 4));
    expect(await byReplica(stand)).toBe(1);
  });

  it('asks the provider if its caller has seen so much that some was forgotten', async () => {
    const stand = await behind({ tokens: { waitMs: 1 } });
    await stand.move('prefer-replica');
    const seen = caller(...Array.from({ length: 100 }, (_, i) => project(`p${i}`, 1)));
    expect(await seen.run(() => stand.get('a'))).toEqual(projectOf('a', 5));
    expect((await stand.evidence()).fallbacks).toMatchObject({ token: 1 });
  });

  it('asks the provider if its caller has seen a later history than the replica follows', async () => {
    const stand = await behind({ tokens: { waitMs: 10_000 }, readTimeoutMs: 10_000 });
    stand.replica.epoch = 1;
    await stand.move('prefer-replica');
    expect(await caller(project('a', 5, { epoch: 2 })).run(() => stand.get('a'))).toEqual(projectOf('a', 5));
    expect((await stand.evidence()).fallbacks).toMatchObject({ epoch: 1 });
  });
});

describe('an edge at replica', () => {
  it('answers UNAVAILABLE, in time and saying why, while the replica is behind what its caller has seen', async () => {
    const stand = await behind();
    await stand.move('replica');
    const deadline = Date.now() + 3_000;
    const error = await caller(project('a', 5)).run(() => stand.failure('a', { deadline }));
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(error.details).toMatch(/BANYAN_REPLICA_BEHIND.*has not reached projects\/project\/a@5/);
    expect(stand.provider.calls).toBe(0);
  });

  it('answers once the replica is there', async () => {
    const stand = await behind();
    await stand.move('replica');
    catchesUp(stand);
    expect(await caller(project('a', 5)).run(() => stand.get('a'))).toEqual(projectOf('a', 5));
  });

  it('knows that what is gone is gone once the replica has reached the delete', async () => {
    const stand = await behind();
    stand.replica.rows.clear();
    stand.replica.reached.add('projects/project/a@6');
    await stand.move('replica');
    const error = await caller(project('a', 6)).run(() => stand.failure('a'));
    expect(error.code).toBe(status.NOT_FOUND);
  });

  it('is not held up by a version that never came to be, once the replica is past the time of it', async () => {
    const stand = await behind({ tokens: { settleMs: 300 } });
    await stand.move('replica');
    const seen = caller(project('a', 99, { atMs: Date.now() }));
    expect(await seen.run(() => stand.get('a'))).toEqual(projectOf('a', 4));
  });

  it('takes a version of an earlier history for settled: what did not survive is nowhere', async () => {
    const stand = await behind();
    stand.replica.epoch = 2;
    await stand.move('replica');
    expect(await caller(project('a', 99, { epoch: 1 })).run(() => stand.get('a'))).toEqual(projectOf('a', 4));
  });

  it('refuses a caller that has seen a later history than the replica follows', async () => {
    const stand = await behind();
    stand.replica.epoch = 1;
    await stand.move('replica');
    const error = await caller(project('a', 1, { epoch: 2 })).run(() => stand.failure('b'));
    expect(error.code).toBe(status.NOT_FOUND);
    const other = await caller(project('a', 1, { epoch: 2 })).run(() => stand.failure('a'));
    expect(other.details).toMatch(/BANYAN_REPLICA_EPOCH.*follows epoch 1.*a@1~2/);
  });

  it('cannot be told by a caller what it has not seen: unreadable tokens count as seen just now', async () => {
    const stand = await behind({ tokens: { settleMs: 200 } });
    await stand.move('replica');
    const startedMs = Date.now();
    const seen = new TokenScope(TokenSet.decode('nonsense'));
    expect(await seen.run(() => stand.get('a'))).toEqual(projectOf('a', 4));
    expect(Date.now() - startedMs).toBeGreaterThanOrEqual(190);
  });
});

describe('an edge at cache', () => {
  async function cached(settings: EdgeSettings = {}): Promise<EdgeStand> {
    const stand = await behind({ cache: { aggregate: 'projects/project' }, ...settings });
    await stand.move('cache');
    expect(await caller().run(() => stand.get('a'))).toEqual(projectOf('a', 5));
    stand.provider.rows.set('a', projectOf('a', 6));
    return stand;
  }

  it('passes by an answer that is older than what its caller has seen, and keeps the newer one', async () => {
    const stand = await cached();
    expect(await caller(project('a', 5)).run(() => stand.get('a'))).toEqual(projectOf('a', 5));
    expect(await caller(project('a', 6)).run(() => stand.get('a'))).toEqual(projectOf('a', 6));
    expect(await caller().run(() => stand.get('a'))).toEqual(projectOf('a', 6));
    expect(stand.provider.calls).toBe(2);
  });

  it('passes by all that was kept before its caller saw something, where an answer may show anything', async () => {
    const stand = await cached();
    stand.replica.keyed = false;
    expect(await caller(project('b', 1)).run(() => stand.get('a'))).toEqual(projectOf('a', 6));
  });

  it('has its callers see what it answers', async () => {
    const stand = await cached({ tokens: { waitMs: 1 } });
    const session = caller();
    expect(await session.run(() => stand.get('a'))).toEqual(projectOf('a', 5));
    await stand.move('prefer-replica');
    expect((await session.run(() => stand.get('a'))).project?.version).toBeGreaterThanOrEqual(5);
  });
});
