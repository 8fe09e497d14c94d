import { FlagStore, planFlag } from '@banyan/control';
import { unary } from '@banyan/service-host';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CHROMIUM, openBrowser } from './gateway/browser.js';
import { LiveFollower } from './gateway/live-follower.js';
import { readEvents } from './gateway/read-events.js';
import { RestClient, type Answer, type Thing } from './gateway/rest-client.js';
import { moveEdge } from './operator/edge-moves.js';
import { MigratedSystem } from './system.js';
import { Clients } from './traffic/clients.js';

// The gateway as it is run, before the real services, relay and broker.

/** What happens at once on a quiet machine, and not on a busy one. */
const PATIENCE_MS = 60_000;

let system: MigratedSystem;
let nats: NatsConnection;
let rest: RestClient;
let clients: Clients;

beforeAll(async () => {
  system = await MigratedSystem.start({ log: () => undefined });
  nats = await connect({ servers: system.natsUrl });
  rest = new RestClient(system.gatewayUrl);
  clients = new Clients(system.addresses, 'test', { isPatient: true });
  await untilFlowing();
}, 120_000);

afterAll(async () => {
  clients.close();
  await nats.close();
  await system.stop();
});

async function untilFlowing(): Promise<void> {
  await vi.waitFor(
    async () => {
      const { mode } = (await (await fetch(`${system.gatewayUrl}/api/live`)).json()) as { mode: string };
      expect(mode).toBe('push');
    },
    { timeout: PATIENCE_MS, interval: 50 },
  );
}

/** A team with a member, and a project of it. */
async function plantation(): Promise<{ teamId: string; projectId: string }> {
  const team = await rest.post('teams', { name: 'Roots' });
  await rest.post(`teams/${team.body.id}/members`, { memberId: 'ann' });
  const project = await rest.post('projects', { teamId: team.body.id, name: 'Grove' });
  return { teamId: team.body.id, projectId: project.body.id };
}

const newTask = async (projectId: string, name = 'Plant'): Promise<Answer> =>
  rest.post('tasks', { projectId, name });

const codeOf = ({ status, body }: Answer): [number, unknown] => [status, body['code']];

describe('REST over the services', () => {
  it('creates, shows, changes and lists, each with its version as ETag', async () => {
    const { projectId } = await plantation();
    const created = await newTask(projectId);
    const { id } = created.body;
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe(`/api/tasks/${id}`);
    expect(created.headers.get('etag')).toBe('"1"');
    const renamed = await rest.send('PATCH', `tasks/${id}`, {
      body: { name: 'Water' },
      headers: { 'if-match': '"1"' },
    });
    expect([renamed.body, renamed.headers.get('etag')]).toMatchObject([{ name: 'Water', version: 2 }, '"2"']);
    await rest.send('PUT', `tasks/${id}/assignee`, { body: { assigneeId: 'ann' } });
    const done = await rest.post(`tasks/${id}/complete`);
    expect(done.body).toMatchObject({ state: 'done', assigneeId: 'ann', version: 4 });
    const list = await rest.get(`tasks?projectId=${projectId}&assigneeId=ann`);
    expect(list.body).toMatchObject({ items: [done.body], nextPageToken: null });
  });

  it('answers 304 for what its caller has, and 412 for a change meant for another version', async () => {
    const { body } = await newTask((await plantation()).projectId);
    const path = `tasks/${body.id}`;
    const known = await rest.get(path, { 'if-none-match': 'W/"1"' });
    expect([known.status, known.headers.get('etag'), known.body]).toEqual([304, '"1"', {}]);
    await rest.post(`${path}/complete`, {}, { 'if-match': '"1"' });
    expect(codeOf(await rest.post(`${path}/reopen`, {}, { 'if-match': '"1"' }))).toEqual([
      412,
      'VERSION_CONFLICT',
    ]);
    expect(codeOf(await rest.post(`${path}/reopen`, {}, { 'if-match': 'one' }))).toEqual([
      400,
      'IF_MATCH_INVALID',
    ]);
    expect((await rest.get(path, { 'if-none-match': '"1"' })).status).toBe(200);
  });

  it('gives lists in pages, and their tag changes with them', async () => {
    const { projectId } = await plantation();
    const ids = [await newTask(projectId), await newTask(projectId), await newTask(projectId)].map(
      ({ body }) => body.id,
    );
    const path = `tasks?projectId=${projectId}`;
    const first = await rest.get(`${path}&pageSize=2`);
    const second = await rest.get(`${path}&pageSize=2&pageToken=${String(first.body['nextPageToken'])}`);
    expect([...first.body.items, ...second.body.items].map(({ id }) => id)).toEqual(ids);
    const tag = (await rest.get(path)).headers.get('etag') ?? '';
    expect((await rest.get(path, { 'if-none-match': tag })).status).toBe(304);
    await rest.post(`tasks/${ids[0] ?? ''}/complete`);
    expect((await rest.get(path, { 'if-none-match': tag })).status).toBe(200);
  });

  it('tells each refusal as a problem that says whose it is and what to do', async () => {
    const { projectId } = await plantation();
    const missing = await rest.get(`tasks/${projectId}`);
    expect(missing.headers.get('content-type')).toContain('application/problem+json');
    expect(missing.body).toMatchObject({
      ...{ status: 404, code: 'TASK_NOT_FOUND', service: 'tasks', values: { id: projectId } },
      remedy: expect.any(String),
      requestId: missing.headers.get('x-request-id'),
    });
    const { body } = await newTask(projectId);
    const stranger = await rest.send('PUT', `tasks/${body.id}/assignee`, { body: { assigneeId: 'eve' } });
    expect(codeOf(stranger)).toEqual([409, 'NOT_A_MEMBER']);
    const empty = await newTask(projectId, ' ');
    expect(empty.body).toMatchObject({ status: 400, errors: [{ field: 'name' }] });
    expect(codeOf(await rest.get('tasks?colour=red'))).toEqual([400, 'INVALID_REQUEST']);
  });

  it('describes itself in OpenAPI, every route with its problems', async () => {
    const { body } = await rest.get('openapi.json');
    const paths = body['paths'] as Record<string, Record<string, { responses: Record<string, unknown> }>>;
    expect(Object.keys(paths)).toContain('/api/tasks/{id}/complete');
    const { get } = paths['/api/tasks/{id}'] ?? {};
    expect(Object.keys(get?.responses ?? {})).toEqual(expect.arrayContaining(['200', '304', '4XX', '5XX']));
  });
});

describe('a caller behind a replica that lags', () => {
  const EDGE = 'teams -> projects.GetProject';
  let teams: pg.Pool;

  beforeAll(() => {
    teams = new pg.Pool({ connectionString: system.databaseUrl('teams'), max: 1 });
  });

  afterAll(() => teams.end());

  const advance = (to: string): Promise<void> =>
    moveEdge({ nats, natsUrl: system.natsUrl, edge: EDGE, to }, 'advance', '--force', '--reason', 'test');

  async function nameInReplica(id: string): Promise<string | undefined> {
    const sql = 'select name from project_replica where project_id = $1';
    return (await teams.query<{ name: string }>(sql, [id])).rows[0]?.name;
  }

  it.each(['cookie', 'header'] as const)('reads its own writes, by what it keeps in the %s', async (keep) => {
    for (const to of ['cache', 'shadow', 'prefer-replica']) if (keep === 'cookie') await advance(to);
    const { teamId, projectId } = await plantation();
    await rest.post(`teams/${teamId}/projects`, { projectId });
    const nameFor = async (client: RestClient): Promise<unknown> => {
      const { body } = await client.get(`teams/${teamId}/page`);
      return (body['projects'] as Thing[])[0]?.['name'];
    };
    const [own, other] = [
      new RestClient(system.gatewayUrl, keep),
      new RestClient(system.gatewayUrl, 'nothing'),
    ];
    /** What both are shown of a change that no replica learns of yet. */
    const shownAfter = async (name: string): Promise<{ toOther: unknown; toOwn: unknown }> => {
      system.supervisor.kill('relay', 'SIGSTOP');
      try {
        await own.send('PATCH', `projects/${projectId}`, { body: { name } });
        return { toOther: await nameFor(other), toOwn: await nameFor(own) };
      } finally {
        system.supervisor.kill('relay', 'SIGCONT');
      }
    };
    // Who has not seen the change is answered by the replica: without tokens its writer would be too. Where the machine
    // paused until the replica was past its budget, both were answered by the provider, and nothing is shown by that.
    for (let before = 'Grove', round = 1, isShown = false; !isShown; round++) {
      await expect.poll(() => nameInReplica(projectId)).toBe(before);
      const name = `Wood ${round}`;
      const { toOther, toOwn } = await shownAfter(name);
      expect([before, name]).toContain(toOther);
      expect(toOwn).toBe(name);
      isShown = toOther === before;
      before = name;
    }
  });
});

describe('live updates', () => {
  async function setFlag(value: 'poll' | 'push'): Promise<void> {
    const store = await FlagStore.open(nats);
    const now = await store.read('gateway.live');
    const move = planFlag('gateway.live', now, { value });
    await store.write('gateway.live', { move, expected: now?.changeId, by: 'test', why: 'test' });
  }

  async function listOf(resource: string): Promise<Map<string, Thing>> {
    const { body } = await rest.get(`${resource}&pageSize=200`);
    return new Map(body.items.map((item) => [item.id, item]));
  }

  /** Changes tasks past the gateway, which may be away. */
  async function changes(projectId: string, count: number): Promise<void> {
    const { tasks } = clients;
    const create = tasks.createTask.bind(tasks);
    for (let i = 0; i < count; i++) {
      const { task } = await unary(create, { projectId, name: `Task ${i}`, assigneeId: '' });
      const id = task?.id ?? '';
      await unary(tasks.completeTask.bind(tasks), { id, expectedVersion: 0 });
      await unary(tasks.renameTask.bind(tasks), { id, name: `Renamed ${i}`, expectedVersion: 0 });
    }
  }

  it('miss nothing while the gateway is killed and comes back: each event comes, and nothing is read anew', async () => {
    const { projectId } = await plantation();
    const resource = `tasks?projectId=${projectId}`;
    const follower = new LiveFollower(system.gatewayUrl, resource);
    follower.start();
    await expect.poll(() => follower.reasons).toEqual(['new']);
    await changes(projectId, 3);
    system.supervisor.kill('gateway');
    await changes(projectId, 10);
    await untilFlowing();
    await changes(projectId, 3);
    const expected = [...(await listOf(resource)).keys()].flatMap((id) => [1, 2, 3].map((v) => `${id}@${v}`));
    await expect.poll(() => new Set(follower.events)).toEqual(new Set(expected));
    expect(follower.reasons).toEqual(['new']);
    expect(follower.connections).toBeGreaterThan(1);
    await follower.stop();
  });

  it('end where polling ends, through flips of the flag in both directions under change', async () => {
    const { projectId } = await plantation();
    const resource = `tasks?projectId=${projectId}`;
    const follower = new LiveFollower(system.gatewayUrl, resource);
    follower.start();
    const changing = changes(projectId, 15);
    for (const mode of ['poll', 'push', 'poll', 'push'] as const) {
      const turns = () => (mode === 'push' ? follower.connections : follower.polls);
      const before = turns();
      await setFlag(mode);
      await expect.poll(turns).toBeGreaterThan(before);
      // What no flip after it can make good.
      await changes(projectId, 2);
      const listed = await listOf(resource);
      await expect.poll(() => follower.lacks(listed)).toEqual([]);
    }
    await changing;
    await changes(projectId, 2);
    const polled = await listOf(resource);
    await expect.poll(() => follower.items).toEqual(polled);
    expect(polled.size).toBe(25);
    await follower.stop();
  });

  it('come as server-sent events too, and go on from the last event’s id', async () => {
    const { projectId } = await plantation();
    const url = `${system.gatewayUrl}/api/live/events?resource=${encodeURIComponent(`tasks?projectId=${projectId}`)}`;
    const first = await readEvents(url, { meanwhile: () => changes(projectId, 1), count: 3 });
    await changes(projectId, 1);
    const second = await readEvents(url, { headers: { 'last-event-id': first.lastId }, count: 3 });
    const kinds = ['TaskCreated', 'TaskCompleted', 'TaskRenamed'];
    expect([first.events, second.events]).toEqual([kinds, kinds]);
  });
});

describe.skipIf(CHROMIUM === undefined)('the board in a browser', { timeout: 240_000 }, () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
  });

  async function openBoard({ teamId, projectId }: { teamId: string; projectId: string }): Promise<Page> {
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(`${system.gatewayUrl}/board/#team=${teamId}&project=${projectId}`);
    await page
      .getByRole('region', { name: 'Push' })
      .getByText(/frames/)
      .waitFor();
    await page.getByRole('heading', { name: 'Push', exact: true }).waitFor();
    await vi.waitFor(
      async () => expect(await page.locator('#project').inputValue()).toBe(projectId),
      PATIENCE_MS,
    );
    return page;
  }

  const cardsIn = (page: Page, pane: string) => page.getByRole('region', { name: pane }).getByLabel('Name');
  // All in one look, for they may be drawn anew between two.
  const namesIn = (page: Page, pane: string): Promise<string[]> =>
    page.evaluate<string[]>(
      `[...document.querySelectorAll('.pane[aria-label=${pane}] [aria-label=Name]')].map(({ value }) => value)`,
    );

  it('shows in a second page within a second what is done in the first, as text whatever it is', async () => {
    const planted = await plantation();
    const [one, two] = [await openBoard(planted), await openBoard(planted)];
    const names = [1, 2, 3].map((n) => `<img src=x onerror="document.title=${n}">`);
    const tookMs: number[] = [];
    for (const [n, name] of names.entries()) {
      await one.getByLabel('New task').fill(name);
      await one.getByRole('button', { name: 'Add task' }).click();
      const startedMs = performance.now();
      await cardsIn(two, 'Push').nth(n).waitFor();
      tookMs.push(performance.now() - startedMs);
      // The first page has its answer too, and takes the next one.
      await expect.poll(() => one.getByLabel('New task').inputValue()).toBe('');
    }
    expect(tookMs.sort((a, b) => a - b)[1]).toBeLessThan(1000);
    expect(await namesIn(two, 'Push')).toEqual(names);
    expect(await two.title()).toBe('Board · Banyan');
    expect(await two.getByLabel('Members').textContent()).toBe('ann');
    await two.getByRole('region', { name: 'Push' }).getByRole('listitem').first().press('ArrowRight');
    await one.getByRole('region', { name: 'Push' }).getByRole('button', { name: '← Reopen' }).waitFor();
    await cardsIn(two, 'Polling').first().waitFor();
    await Promise.all([one.close(), two.close()]);
  });

  it('comes back by itself after the gateway was killed, and has lost nothing', async () => {
    const planted = await plantation();
    const page = await openBoard(planted);
    system.supervisor.kill('gateway');
    const { tasks } = clients;
    const create = tasks.createTask.bind(tasks);
    for (const name of ['a', 'b', 'c'])
      await unary(create, { projectId: planted.projectId, name, assigneeId: '' });
    const shown = { timeout: PATIENCE_MS };
    await expect.poll(() => namesIn(page, 'Push'), shown).toEqual(['a', 'b', 'c']);
    await expect.poll(() => namesIn(page, 'Polling'), shown).toEqual(['a', 'b', 'c']);
    await page.getByRole('heading', { name: 'Push', exact: true }).waitFor();
    await page.close();
  });
});

it.runIf(CHROMIUM === undefined)('has no Chromium here: the board was not looked at in a browser', () => {
  expect(CHROMIUM).toBeUndefined();
});
