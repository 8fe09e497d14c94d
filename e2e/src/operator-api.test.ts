import { AUDIT_STREAM, RunStore } from '@banyan/control';
import type {
  AuditPage,
  AuditRow,
  EdgeView,
  Overview,
  ParkedKeyRow,
  ParkedList,
  PlanView,
  PlaybookView,
  StageMoved,
} from '@banyan/service-gateway/wire';
import { unary } from '@banyan/service-host';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { liveEvents, type LiveEvent } from './operator/live-events.js';
import { MigratedSystem } from './system.js';
import { Clients } from './traffic/clients.js';

// What operators see and do, on the whole system.

const EDGE = 'tasks -> projects.GetProject';
const SUBSCRIBER = 'tasks-project-replica';
const PATH = `/edges/${encodeURIComponent(EDGE)}`;

let system: MigratedSystem;
let clients: Clients;
let nats: NatsConnection;

beforeAll(async () => {
  system = await MigratedSystem.start({ log: () => undefined });
  clients = new Clients(system.addresses, 'test', { isPatient: true });
  nats = await connect({ servers: system.natsUrl });
  const { teams, projects, tasks } = clients;
  const { team } = await unary(teams.createTeam.bind(teams), { name: 'Team' });
  const create = projects.createProject.bind(projects);
  const { project } = await unary(create, { teamId: team?.id ?? '', name: 'Project' });
  const task = { projectId: project?.id ?? '', name: 'Task', assigneeId: '' };
  for (let i = 0; i < 5; i++) await unary(tasks.createTask.bind(tasks), task);
}, 120_000);

afterAll(async () => {
  clients.close();
  await nats.close();
  await system.stop();
});

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${system.gatewayUrl}/api/operator${path}`, {
    ...init,
    headers: {
      authorization: `Bearer ${system.operatorToken}`,
      'content-type': 'application/json',
      'x-banyan-operator': 'ann',
    },
  });

async function read<T>(path: string): Promise<T> {
  const response = await ask(path);
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
}

const act = (path: string, body: object): Promise<Response> =>
  ask(path, { method: 'POST', body: JSON.stringify(body) });

const changeOf = async (): Promise<number> => (await read<EdgeView>(PATH)).overview.change;

async function moved(path: string, body: object): Promise<StageMoved> {
  const response = await act(`${PATH}/${path}`, { ...body, expectedChange: await changeOf() });
  const answer: unknown = await response.json();
  expect(response.status, JSON.stringify(answer)).toBe(200);
  return answer as StageMoved;
}

it('shows the edges, the services at both ends, relays and subscribers', async () => {
  await expect.poll(async () => (await read<Overview>('/overview')).edges.length).toBe(7);
  const overview = await read<Overview>('/overview');
  expect(overview.broker).toMatchObject({ connected: true, url: expect.stringContaining('127.0.0.1') });
  expect(overview.services.map(({ name }) => name)).toEqual(['gateway', 'projects', 'tasks', 'teams']);
  expect(overview.services.find(({ name }) => name === 'teams')).toMatchObject({
    instances: [{ pid: expect.any(Number) }],
    provides: ['teams.GetMembership', 'teams.GetTeam'],
  });
  const relays = async () => (await read<Overview>('/overview')).relays;
  await expect
    .poll(relays)
    .toMatchObject(
      ['projects', 'tasks', 'teams'].map((source) => ({ source, state: 'leading', backlog: 0 })),
    );
  expect((await relays()).find(({ source }) => source === 'tasks')?.position).toMatch(/^1\.[1-9]/);
  const subscribers = async () => (await read<Overview>('/overview')).subscribers;
  await expect
    .poll(async () =>
      (await subscribers()).find(({ name, source }) => name === SUBSCRIBER && source === 'projects'),
    )
    .toMatchObject({ service: 'tasks', state: 'running', lagPositions: 0, parkedKeys: 0 });
});

it('tells what happened on an edge of late, a point a second', async () => {
  const series = async () => (await read<EdgeView>(PATH)).series;
  await expect.poll(async () => (await series()).at.length, { timeout: 20_000 }).toBeGreaterThan(2);
  const { at, ...columns } = await series();
  expect(Object.values(columns).every(({ length }) => length === at.length)).toBe(true);
});

it('moves an edge up through its gate, and down, on the change that was seen alone, and keeps who and why', async () => {
  expect(await moved('advance', { reason: 'the first step' })).toMatchObject({
    ...{ edge: EDGE, from: 'call', inForce: 1, missing: [] },
  });
  const stale = await act(`${PATH}/advance`, { reason: 'too late', expectedChange: 0 });
  expect([stale.status, await stale.json()]).toMatchObject([412, { code: 'BANYAN_STAGE_CONFLICT' }]);
  const { overview } = await read<EdgeView>(PATH);
  const shadow =
    overview.stage === 'shadow' ? 1 : (await moved('advance', { reason: 'on to shadow' })).change;
  expect(shadow).toBeGreaterThan(0);
  const refused = await act(`${PATH}/advance`, { reason: 'too early', expectedChange: await changeOf() });
  const told: unknown = await refused.json();
  expect([refused.status, told]).toMatchObject([
    409,
    { code: 'BANYAN_GATE_REFUSED', outcome: 'not-enough', reasons: [expect.stringContaining('agree')] },
  ]);
  const settingsFrom = `advance ${EDGE} to prefer-replica for 20 %`;
  const { next } = (await read<EdgeView>(PATH)).overview;
  expect([told, next]).toMatchObject([{ settingsFrom }, { settingsFrom }]);
  const forced = await moved('advance', { reason: 'a drill', force: true });
  expect(forced).toMatchObject({ from: 'shadow', to: 'prefer-replica' });
  await moved('back', { reason: 'the drill is over', to: 'call' });
  const { history } = await read<EdgeView>(PATH);
  expect(history.slice(0, 2)).toMatchObject([
    { kind: 'edge', about: EDGE, by: 'ann', why: 'the drill is over', to: 'call', outcome: 'made' },
    { by: 'ann', why: 'a drill', to: 'prefer-replica', forced: true, evidence: { outcome: 'not-enough' } },
  ]);
});

it('pages through the audit log without losing or repeating anything', async () => {
  const all = (await read<AuditPage>('/audit?limit=1000')).entries.map(({ seq }) => seq);
  const paged: AuditRow['seq'][] = [];
  for (let before: number | null | undefined; before !== null;) {
    const page: AuditPage = await read(`/audit?limit=2${before === undefined ? '' : `&before=${before}`}`);
    paged.push(...page.entries.map(({ seq }) => seq));
    before = page.next;
  }
  expect(all.length).toBeGreaterThan(3);
  expect(paged).toEqual(all);
});

it('tells who follows of a change within a second, with what is in the audit log of it', async () => {
  const events = liveEvents(`${system.gatewayUrl}/api/operator/live`, system.operatorToken);
  try {
    const first = await events.next((event) => event.type === 'overview');
    expect(first.data).toMatchObject({ broker: { connected: true } });
    const tookMs: number[] = [];
    const audited: AuditRow[] = [];
    const isAudit = ({ type, data }: LiveEvent): boolean => {
      const isMeant = type === 'audit' && (data as AuditRow).why === 'to be followed';
      if (isMeant) audited.push(data as AuditRow);
      return isMeant;
    };
    for (const [action, to] of [
      ['advance', 'cache'],
      ['back', 'call'],
      ['advance', 'cache'],
    ] as const) {
      const { change } = await moved(action, { reason: 'to be followed', to });
      const atMs = performance.now();
      await events.next((event) => {
        const { type, data } = event;
        // Either may come first.
        if (isAudit(event) || type !== 'overview') return false;
        return (data as Overview).edges.some((each) => each.edge === EDGE && each.change === change);
      });
      tookMs.push(performance.now() - atMs);
    }
    expect(tookMs.sort((a, b) => a - b)[1]).toBeLessThan(1_000);
    if (audited.length === 0) await events.next(isAudit);
    expect(audited[0]).toMatchObject({ about: EDGE, by: 'ann', outcome: 'made', seq: expect.any(Number) });
  } finally {
    events.close();
  }
});

it('lists a parked key, has it tried again, gives up its event, and keeps who and why', async () => {
  const projects = new pg.Pool({ connectionString: system.databaseUrl('projects') });
  await projects.query(`select banyan.emit('project', 'p-broken', 'ProjectRenamed', '\\xff', 1)`);
  await projects.end();
  const key = async (): Promise<ParkedKeyRow | undefined> => {
    const { keys, unreachable } = await read<ParkedList>('/parked');
    expect(unreachable).toEqual([]);
    return keys.find((each) => each.subscriber === SUBSCRIBER && each.key === 'p-broken');
  };
  await expect
    .poll(key, { timeout: 20_000 })
    .toMatchObject({ service: 'tasks', source: 'projects', waiting: 1 });
  const { attempts = 0 } = (await key()) ?? {};
  const which = { subscriber: SUBSCRIBER, source: 'projects', aggregate: 'project', key: 'p-broken' };
  const retried = await act('/parked/retry', { ...which, reason: 'it may work now' });
  expect([retried.status, await retried.json()]).toEqual([200, { done: true }]);
  await expect.poll(async () => (await key())?.attempts, { timeout: 20_000 }).toBeGreaterThan(attempts);
  const skipped = await act('/parked/skip', { ...which, reason: 'made by a test' });
  expect(await skipped.json()).toEqual({ done: true, skipped: 1 });
  expect(await key()).toMatchObject({ skipped: true, waiting: 0 });
  const unknown = await act('/parked/retry', { ...which, key: 'p-none', reason: 'no such key' });
  expect([unknown.status, await unknown.json()]).toMatchObject([404, { code: 'BANYAN_PARKED_UNKNOWN' }]);
  const { entries } = await read<AuditPage>('/audit?limit=2');
  expect(entries).toMatchObject([
    { kind: 'parked', about: 'projects/project/p-broken', by: 'ann', why: 'made by a test', to: 'skip' },
    { kind: 'parked', why: 'it may work now', to: 'retry', outcome: 'done' },
  ]);
});

it('shows the playbook before it was applied, and how far the edges stand all the same', async () => {
  const plan = await read<PlanView>('/plan');
  expect(plan).toMatchObject({ playbook: { name: expect.any(String) }, run: null });
  expect(plan.steps.length).toBeGreaterThan(20);
  const reached = async (): Promise<string[]> =>
    (await read<PlanView>('/plan')).steps.flatMap(({ id, state }) =>
      state === 'todo' ? [] : [`${id}: ${state}`],
    );
  // Reactions are read from the start; the edge was moved to its second stage above; nothing was backfilled or rehearsed.
  await expect
    .poll(reached, { timeout: 20_000 })
    .toEqual([
      `advance ${EDGE} to cache: reached`,
      ...[
        'tasks -> projects.RecordTaskActivity',
        'projects -> tasks.ArchiveProjectTasks',
        'teams -> tasks.UnassignMember',
      ].map((edge) => `receive ${edge}: reached`),
    ]);
});

/** A run that waits for somebody to go on with it. */
async function waitingRun(store: RunStore, { name: playbook, digest }: PlaybookView): Promise<void> {
  const at = new Date().toISOString();
  const by = { startedAt: at, startedBy: 'bob', by: 'bob', updatedAt: at };
  const run = {
    id: '1',
    playbook,
    digest,
    file: 'seven.yaml',
    state: 'waiting',
    why: '',
    scope: null,
  } as const;
  await store.write({ ...run, ...by, current: null, steps: [], told: [] }, undefined);
}

it('pauses a run and lets it go on, and keeps who and why', async () => {
  const { playbook } = await read<PlanView>('/plan');
  if (playbook === null) throw new Error('the gateway was given no playbook');
  const { name } = playbook;
  const store = await RunStore.open(nats);
  await waitingRun(store, playbook);
  const paused = await act('/plan/pause', { reason: 'until after lunch' });
  expect([paused.status, await paused.json()]).toMatchObject([200, { run: { paused: true } }]);
  expect(await store.wishes(name)).toMatchObject({ paused: { by: 'ann' } });
  const resumed = await act('/plan/resume', { reason: 'lunch is over' });
  expect([resumed.status, await resumed.json()]).toMatchObject([200, { run: { paused: false } }]);
  const { entries } = await read<AuditPage>('/audit?limit=2');
  expect(entries).toMatchObject([
    { kind: 'run', about: name, by: 'ann', why: 'lunch is over', to: 'resume' },
    { kind: 'run', about: name, by: 'ann', why: 'until after lunch', to: 'pause' },
  ]);
});

it('does nothing that the audit log cannot keep', async () => {
  const { streams } = await jetstreamManager(nats);
  const { config } = await streams.info(AUDIT_STREAM);
  const expectedChange = await changeOf();
  const parked = async () => (await read<ParkedList>('/parked')).keys;
  // Each subscriber of projects parks it by itself.
  await expect.poll(async () => (await parked()).filter(({ skipped }) => !skipped)).toHaveLength(1);
  const isSkipped = async () => (await parked()).map(({ service, skipped }) => [service, skipped]);
  const [before, waiting] = [await isSkipped(), (await parked()).find(({ skipped }) => !skipped)];
  await streams.update(AUDIT_STREAM, { max_msg_size: 16 });
  try {
    const { subscriber = '', source = '', aggregate = '', key = '' } = waiting ?? {};
    const which = { subscriber, source, aggregate, key };
    for (const [path, body] of [
      [`${PATH}/advance`, { expectedChange, force: true }],
      [`${PATH}/back`, { expectedChange, to: 'call' }],
      ['/parked/retry', which],
      ['/parked/skip', which],
      ['/plan/pause', {}],
    ] as const) {
      const refused = await act(path, { ...body, reason: 'in the dark' });
      expect([refused.status, await refused.json()], path).toMatchObject([
        503,
        { code: 'BANYAN_AUDIT_UNWRITABLE' },
      ]);
    }
  } finally {
    await streams.update(AUDIT_STREAM, { max_msg_size: config.max_msg_size });
  }
  expect(await changeOf()).toBe(expectedChange);
  expect(await isSkipped()).toEqual(before);
  expect((await read<PlanView>('/plan')).run).toMatchObject({ paused: false });
});

// Last: it takes the broker away.
it('keeps telling what it knew while the broker is away, and moves nothing', async () => {
  const { change } = (await read<EdgeView>(PATH)).overview;
  await system.supervisor.stop('nats');
  await expect.poll(async () => (await read<Overview>('/overview')).broker.connected).toBe(false);
  const overview = await read<Overview>('/overview');
  expect(overview.edges).toHaveLength(7);
  expect((await read<EdgeView>(PATH)).overview.change).toBe(change);
  const refused = await act(`${PATH}/back`, { reason: 'cannot be done', expectedChange: change });
  expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'BANYAN_CONTROL_UNREACHABLE' }]);
});
