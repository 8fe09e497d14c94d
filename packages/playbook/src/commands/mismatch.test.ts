import {
  groupOf,
  MISMATCH_STREAM,
  MismatchStore,
  noComparisons,
  noFallbacks,
  Reporter,
  type CalibrationReport,
  type EdgeReport,
  type EdgeTask,
  type Mismatch,
  type ReplayAnswer,
} from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../main.js';

let nats: Awaited<ReturnType<typeof testNats>>;
let edge: string;
let reporter: Reporter;
let tasks: EdgeTask[];
let answer: ReplayAnswer | CalibrationReport;
/** Other processes that have the edge. */
let others: Reporter[];

beforeEach(async () => {
  nats = await testNats();
  edge = `${uniqueName('tasks')} -> projects.GetProject`;
  tasks = [];
  others = [];
  const perform = (task: EdgeTask): Promise<ReplayAnswer | CalibrationReport> => {
    tasks.push(task);
    return Promise.resolve(answer);
  };
  reporter = new Reporter({ ...inTasks('host-b'), edges: [{ report, perform }] });
  await reporter.start();
});
afterEach(async () => {
  for (const each of [reporter, ...others]) each.stop();
  await nats.close();
});

const inTasks = (instance: string) => ({ connection: nats.connection, service: 'tasks', instance });

/** Starts another process that has the edge; processes are asked in the order of their names. */
async function startOther(
  instance: string,
  perform: (task: EdgeTask) => Promise<ReplayAnswer | CalibrationReport>,
): Promise<void> {
  const other = new Reporter({ ...inTasks(instance), edges: [{ report, perform }] });
  others.push(other);
  await other.start();
}

function report(): EdgeReport {
  const latencyMs = { count: 0, p50: 0, p99: 0, max: 0 };
  const counts = {
    calls: { ok: 0, failed: 0, byReplica: 0 },
    comparisons: noComparisons(),
    fallbacks: noFallbacks(),
  };
  const at = { change: 0, changeId: '', stage: 'call' } as const;
  return {
    edge,
    kind: 'query',
    stages: ['call', 'shadow'],
    running: { ...at, since: '', origin: 'floor', persisted: true },
    freshness: { asOfMs: null, stalenessMs: null, budgetMs: 1, fresh: false },
    evidence: [{ ...at, ...counts, latencyMs, lateMs: latencyMs, counterexamples: [] }],
  };
}

function mismatchOf(id: string, more: Partial<Mismatch> = {}): Mismatch {
  const path = 'project.name';
  return {
    id,
    edge,
    outcome: 'wrong',
    group: groupOf('wrong', [path]),
    at: new Date().toISOString(),
    stage: 'shadow',
    change: 1,
    changeId: 'c1',
    version: 3,
    differences: [{ path, pattern: path, kind: 'value', provider: 'Fig', replica: 'Oak' }],
    request: { id: 'p1' },
    provider: { kind: 'found', message: { project: { name: 'Fig' } } },
    replica: { kind: 'not-found' },
    ...more,
  };
}

async function banyan(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const terminal = {
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    confirm: undefined,
  };
  const code = await run(args, { terminal, env: { NATS_URL: nats.url }, folder: '/' });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('banyan mismatch', () => {
  let id: string;

  beforeEach(async () => {
    id = uniqueName('m');
    const store = await MismatchStore.open(nats.connection);
    await store.put(mismatchOf(id, { requestBytes: 'CgE=' }));
  });

  it('lists and shows what is kept, for people and for programs', async () => {
    const listed = await banyan('mismatch', 'list', edge);
    expect(listed.code).toBe(0);
    expect(listed.out).toContain(id);
    expect(listed.out).toMatch(/wrong +3 +shadow .* project\.name/);
    const shown = await banyan('mismatch', 'show', id);
    expect(shown.out).toContain('project.name: provider "Fig", replica "Oak"');
    expect(JSON.parse((await banyan('mismatch', 'show', id, '--json')).out)).toMatchObject({
      ok: true,
      mismatch: { id, edge, request: { id: 'p1' } },
    });
  });

  it.each([
    [{ replayed: true, outcome: 'equal', version: 4, differences: [] }, 0, 'now equal at version 4'],
    [
      { replayed: true, outcome: 'wrong', version: 3, differences: mismatchOf('x').differences },
      1,
      'still wrong at version 3',
    ],
    [{ replayed: true, outcome: 'late', version: 4, differences: [] }, 0, 'now equal at version 4, late'],
    [{ replayed: true, outcome: 'unjudged', version: null, differences: [] }, 2, 'could not be judged'],
    [{ replayed: false, because: 'it is not held' }, 2, 'cannot be replayed: it is not held'],
  ] as const)(
    'has a process of the caller ask again, and says what came of it: %o',
    async (answered, code, said) => {
      answer = {
        ...answered,
        ...('differences' in answered ? { differences: [...answered.differences] } : {}),
      } as ReplayAnswer;
      const told = await banyan('mismatch', 'replay', id);
      expect(told).toMatchObject({ code, out: expect.stringContaining(said) });
      expect(tasks).toEqual([{ do: 'replay', id, requestBytes: 'CgE=' }]);
    },
  );

  it('asks one process after the other, up to the first that can', async () => {
    answer = { replayed: true, outcome: 'equal', version: 4, differences: [] };
    await startOther('host-a', () => Promise.resolve({ replayed: false, because: 'it is not held' }));
    let asked = 0;
    await startOther('host-c', () => Promise.resolve({ replayed: false, because: `${(asked += 1)}` }));
    expect(await banyan('mismatch', 'replay', id)).toMatchObject({ code: 0 });
    expect([tasks.length, asked]).toEqual([1, 0]);
  });

  it('waits for a process to be there, and knows no id that is not kept', async () => {
    reporter.stop();
    await nats.connection.flush();
    expect(await banyan('mismatch', 'replay', id)).toMatchObject({ code: 2 });
    expect((await banyan('mismatch', 'show', 'none')).err).toContain(
      'BANYAN_MISMATCH_UNKNOWN: no mismatch none is kept',
    );
  });
});

describe('the store of mismatches', () => {
  it('keeps so many of an edge, oldest out, but the first of each group', async () => {
    const store = await MismatchStore.open(nats.connection);
    const manager = await jetstreamManager(nats.connection);
    const { config } = await manager.streams.info(MISMATCH_STREAM);
    const [perEdge, other] = [config.max_msgs_per_subject, groupOf('extra', [])];
    await store.put(mismatchOf('first-wrong'));
    await store.put(mismatchOf('first-extra', { outcome: 'extra', group: other }));
    for (let i = 0; i < perEdge + 10; i += 1) await store.put(mismatchOf(`later-${i}`));
    const ids = (await store.list(edge)).map((each) => each.id);
    expect(ids).toHaveLength(perEdge + 2);
    expect(ids).toEqual(expect.arrayContaining(['first-wrong', 'first-extra', `later-${perEdge + 9}`]));
    expect(ids).not.toContain('later-9');
  });
});

describe('banyan calibrate', () => {
  it('shows the fields that the provider answers now so, now otherwise, and proposes rules', async () => {
    answer = {
      state: 'done',
      wanted: 50,
      samples: 50,
      unjudged: 2,
      fields: [
        { pattern: 'project.updated_at', times: 50, propose: { ignore: 'project.updated_at' } },
        { pattern: 'members', times: 3, propose: { unordered: 'members' } },
      ],
    };
    const told = await banyan('calibrate', edge);
    expect(told.code).toBe(0);
    expect(told.out).toMatch(/project\.updated_at +50 of 50 +ignore/);
    expect(told.out).toContain(
      `Proposed: compare: { ignore: ['project.updated_at'], unordered: ['members'] }`,
    );
    expect(tasks).toEqual([{ do: 'calibrate', samples: 50 }]);
    expect(JSON.parse((await banyan('calibrate', edge, '--json')).out)).toMatchObject({
      ok: true,
      proposed: { ignore: ['project.updated_at'], unordered: ['members'] },
    });
  });

  const running = { state: 'running', wanted: 50, samples: 1, unjudged: 0, fields: [] } as const;

  it('is done once any process has its samples', async () => {
    answer = { ...running, fields: [] };
    const done = { ...running, state: 'done', samples: 50, fields: [] } as const;
    await startOther('host-a', ({ do: what }) =>
      Promise.resolve(what === 'calibrate' ? { ...running, fields: [] } : { ...done, fields: [] }),
    );
    expect(await banyan('calibrate', edge)).toMatchObject({
      code: 0,
      out: expect.stringContaining('50 of 50 calls asked twice'),
    });
  });

  it('is not yet done while the calls do not come', async () => {
    answer = { ...running, fields: [] };
    expect(await banyan('calibrate', edge, '--timeout', '300')).toMatchObject({
      code: 2,
      out: expect.stringContaining('1 of 50 calls asked twice'),
    });
  });
});
