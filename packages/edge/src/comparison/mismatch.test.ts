import { Metadata } from '@grpc/grpc-js';
import { GetProjectResponse } from '@banyan/contracts/projects';
import {
  edgeFindSubjectOf,
  MismatchStore,
  Reporter,
  type CalibrationReport,
  type EdgeFound,
  type EdgeTask,
  type Mismatch,
  type ReplayAnswer,
} from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { silentLogger } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EdgeStand, projectOf, type EdgeSettings } from '../testing/edge-stand.js';
import { MismatchLog } from './mismatch-log.js';

let nats: Awaited<ReturnType<typeof testNats>>;
let store: MismatchStore;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  nats = await testNats();
  store = await MismatchStore.open(nats.connection);
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
afterAll(() => nats.close());

async function standOf(settings: EdgeSettings = {}): Promise<EdgeStand> {
  const name = `${uniqueName('tasks')} -> projects.GetProject`;
  const stand = await new EdgeStand(name, nats.connection, { lateDeadlineMs: 100, ...settings }).start();
  const reporter = new Reporter({ connection: nats.connection, service: 'tasks', edges: [stand.edge] });
  await reporter.start();
  ends.push(
    () => stand.stop(),
    () => reporter.stop(),
  );
  return stand;
}

async function kept(stand: EdgeStand, count = 1): Promise<Mismatch[]> {
  await stand.edge.settled();
  await expect.poll(() => store.list(stand.name), { timeout: 10_000 }).toHaveLength(count);
  return store.list(stand.name);
}

/** As an operator's command does it: over NATS. */
async function give<Result>({ name }: EdgeStand, task: EdgeTask): Promise<Result> {
  const patience = { timeout: 20_000 };
  const { at } = (await nats.connection.request(edgeFindSubjectOf(name), '', patience)).json<EdgeFound>();
  const reply = await nats.connection.request(at, JSON.stringify(task), patience);
  return reply.json<{ result: Result }>().result;
}

const replay = (stand: EdgeStand, id: string, requestBytes?: string): Promise<ReplayAnswer> =>
  give(stand, { do: 'replay', id, ...(requestBytes === undefined ? {} : { requestBytes }) });

describe('a counterexample', () => {
  it('is kept where operators see it, with what was asked, both answers and how they differ', async () => {
    const stand = await standOf();
    stand.put('p1', 2);
    stand.replica.put(projectOf('p1', 2, 'Oak'));
    await stand.move('shadow');
    await stand.get('p1');
    expect(await kept(stand)).toEqual([
      expect.objectContaining({
        edge: stand.name,
        outcome: 'wrong',
        stage: 'shadow',
        change: 1,
        changeId: stand.edge.stage.running.changeId,
        version: 2,
        request: { id: 'p1' },
        provider: {
          kind: 'found',
          message: { project: expect.objectContaining({ name: 'p1 at 2', version: '2' }) },
        },
        replica: { kind: 'found', message: { project: expect.objectContaining({ name: 'Oak' }) } },
        differences: [
          {
            path: 'project.name',
            pattern: 'project.name',
            kind: 'value',
            provider: 'p1 at 2',
            replica: 'Oak',
          },
        ],
      }),
    ]);
  });

  it('is replayed: still different, then equal once the replica is right', async () => {
    const stand = await standOf();
    stand.put('p1', 2);
    stand.replica.put(projectOf('p1', 2, 'Oak'));
    await stand.move('shadow');
    await stand.get('p1');
    const [{ id, requestBytes }] = (await kept(stand)) as [Mismatch];
    stand.replica.put(projectOf('p1', 2, 'Elm'));
    expect(await replay(stand, id)).toMatchObject({
      replayed: true,
      outcome: 'wrong',
      differences: [{ path: 'project.name', replica: 'Elm' }],
    });
    stand.put('p1', 3);
    expect(await replay(stand, id)).toMatchObject({ replayed: true, outcome: 'equal', version: 3 });
    // Another process knows only what the store has.
    const told = await replay(stand, 'unheld', requestBytes);
    expect(told).toMatchObject({ replayed: true, outcome: 'equal', version: 3 });
    expect((await stand.evidence()).comparisons).toMatchObject({ wrong: 1, equal: 0 });
  });

  it('is replayed as its caller asked, with the metadata of that call', async () => {
    const stand = await standOf();
    stand.put('p1', 1);
    stand.replica.put(projectOf('p1', 1, 'Oak'));
    stand.provider.handler = ({ metadata }, answer) =>
      answer(null, projectOf('p1', 1, String(metadata.get('tenant'))));
    await stand.move('shadow');
    const metadata = new Metadata();
    metadata.set('tenant', 'acme');
    await new Promise((resolve) => stand.client.getProject({ id: 'p1' }, metadata, resolve));
    const [{ id, requestBytes }] = (await kept(stand)) as [Mismatch];
    const differences = (provider: string): object => ({ differences: [{ path: 'project.name', provider }] });
    expect(await replay(stand, id)).toMatchObject(differences('acme'));
    expect(await replay(stand, 'unheld', requestBytes)).toMatchObject(differences(''));
  });

  it('never shows what is sensitive, and is then replayed only by the process that saw it', async () => {
    const sensitive = ['request.id', 'project.id', 'project.name'];
    const stand = await standOf({ compare: { version: ({ project }) => project?.version, sensitive } });
    stand.put('p-secret', 2);
    stand.replica.put(projectOf('p-secret', 2, 'other secret'));
    await stand.move('shadow');
    await stand.get('p-secret');
    const [mismatch] = (await kept(stand)) as [Mismatch];
    expect(JSON.stringify(mismatch)).not.toMatch(/secret/);
    expect(mismatch.requestBytes).toBeUndefined();
    expect(mismatch.differences[0]).toMatchObject({
      path: 'project.name',
      provider: expect.stringMatching(/^redacted:/),
    });
    expect(await replay(stand, mismatch.id)).toMatchObject({ replayed: true, outcome: 'wrong' });
    expect(await replay(stand, 'unheld')).toMatchObject({
      replayed: false,
      because: expect.stringContaining('sensitive'),
    });
  });

  it('is kept once a group and second, however many there are', async () => {
    const stand = await standOf();
    await stand.move('shadow');
    for (let i = 0; i < 50; i += 1) {
      stand.put(`p${i}`, 1);
      stand.replica.put(projectOf(`p${i}`, 1, i === 7 ? '' : 'Oak'));
    }
    stand.provider.rows.set('only', projectOf('only', 1));
    const startedMs = performance.now();
    await Promise.all([...stand.provider.rows.keys()].map((id) => stand.get(id)));
    await stand.edge.settled();
    const seconds = Math.floor((performance.now() - startedMs) / 1_000);
    const outcomes = async (): Promise<string[]> =>
      (await store.list(stand.name)).map(({ outcome }) => outcome);
    // It is found missing last, so all others are written before.
    await expect.poll(outcomes, { timeout: 15_000 }).toContain('missing');
    const wrong = (await outcomes()).filter((outcome) => outcome === 'wrong').length;
    expect([wrong > 0, wrong <= 1 + seconds]).toEqual([true, true]);
    expect((await stand.evidence()).comparisons).toMatchObject({ wrong: 50, missing: 1 });
  });
});

describe('the log of counterexamples in a process', () => {
  const mismatchOf = (id: string, group: string, note = ''): Mismatch => ({
    ...{
      id,
      group,
      note,
      edge: `${group} -> projects.GetProject`,
      outcome: 'wrong',
      at: new Date().toISOString(),
    },
    ...{ stage: 'shadow', change: 1, changeId: 'c', version: 1, differences: [], request: null },
    provider: { kind: 'not-found' },
    replica: { kind: 'not-found' },
  });

  it('keeps them while the broker is away, and writes them down when it comes', async () => {
    let come: (connection: NatsConnection) => void = () => undefined;
    const log = new MismatchLog<string>(new Promise((resolve) => (come = resolve)), silentLogger);
    ends.push(() => log.stop());
    const group = uniqueName('g');
    log.add(mismatchOf('a', group), 'the question', 0);
    expect(log.find('a')?.question).toBe('the question');
    come(nats.connection);
    await expect.poll(() => store.list(`${group} -> projects.GetProject`)).toHaveLength(1);
  });

  it('holds so many and so many bytes, oldest out, but the first of each group', () => {
    const log = new MismatchLog<number>(new Promise(() => undefined), silentLogger);
    ends.push(() => log.stop());
    for (let i = 0; i < 200; i += 1) log.add(mismatchOf(`m${i}`, i === 5 ? 'rare' : 'usual'), i, i);
    expect(['m0', 'm5', 'm199'].map((id) => log.find(id)?.question)).toEqual([0, 5, 199]);
    expect(log.find('m100')).toBeUndefined();
    for (let i = 0; i < 20; i += 1) log.add(mismatchOf(`l${i}`, 'usual', 'x'.repeat(100_000)), i, i);
    expect(log.find('l5')).toBeUndefined();
    expect(['m0', 'm5', 'l19'].map((id) => log.find(id) !== undefined)).toEqual([true, true, true]);
  });
});

describe('a calibration', () => {
  it('asks the provider twice, off the caller’s path, and proposes rules for what differs at one version', async () => {
    const stand = await standOf();
    stand.put('a');
    let n = 0;
    stand.provider.handler = (_call, answer) => {
      n += 1;
      const at = new Date(n * 1000);
      answer(
        null,
        GetProjectResponse.fromPartial({ project: { id: 'a', version: 1, name: 'Fig', updatedAt: at } }),
      );
    };
    expect(await give<CalibrationReport>(stand, { do: 'calibration' })).toMatchObject({ state: 'idle' });
    await give(stand, { do: 'calibrate', samples: 5 });
    for (let i = 0; i < 8; i += 1) {
      await stand.get('a');
      await stand.edge.settled();
    }
    expect(await give<CalibrationReport>(stand, { do: 'calibration' })).toEqual({
      state: 'done',
      wanted: 5,
      samples: 5,
      unjudged: 0,
      fields: [{ pattern: 'project.updated_at', times: 5, propose: { ignore: 'project.updated_at' } }],
    });
    expect(stand.provider.calls).toBe(8 + 5);
    expect((await stand.evidence()).comparisons).toMatchObject({ wrong: 0, unjudged: 0 });
  });
});
