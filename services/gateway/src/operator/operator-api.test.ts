import { get } from 'node:http';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type Gateway } from '../gateway.js';
import type { GatewayConfig } from '../gateway-options.js';
import type { Overview, SessionView } from './wire.js';

// Who is let in, with nobody behind it: no service, no broker.

const TOKEN = 'a-token-of-more-than-twenty-characters';

let folder: string;
let gateway: Gateway;

const start = (more: Partial<GatewayConfig> = {}): Promise<Gateway> =>
  startGateway({
    ...{ teamsAddress: '127.0.0.1:1', projectsAddress: '127.0.0.1:1', tasksAddress: '127.0.0.1:1' },
    ...{ natsUrl: 'nats://127.0.0.1:1', stateDir: join(folder, 'state'), operatorToken: TOKEN },
    ...more,
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-operator-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`http://${gateway.address}/api/operator${path}`, init);

const json = { 'content-type': 'application/json' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function codeOf(response: Response): Promise<[number, unknown]> {
  const { code } = (await response.json()) as { code?: unknown };
  return [response.status, code];
}

interface SignedIn {
  cookie: string;
  csrf: string;
  header: string;
}

async function signIn(): Promise<SignedIn> {
  const response = await ask('/session', {
    method: 'POST',
    body: JSON.stringify({ token: TOKEN }),
    headers: json,
  });
  const { csrf = '' } = (await response.json()) as SessionView;
  const header = response.headers.get('set-cookie') ?? '';
  return { cookie: header.split(';')[0] ?? '', csrf, header };
}

/** What can be done by it, as it tells itself: all that is no session. */
async function actions(): Promise<string[]> {
  const told = (await (await ask('/openapi.json')).json()) as { paths: Record<string, object> };
  const paths = Object.entries(told.paths).flatMap(([path, methods]) => ('post' in methods ? [path] : []));
  const found = paths.map((path) => path.replace('/api/operator', '').replace('{edge}', 'a:b.C'));
  expect(found).toEqual(
    expect.arrayContaining(['/edges/a:b.C/advance', '/edges/a:b.C/back', '/parked/retry', '/parked/skip']),
  );
  expect(found).toEqual(expect.arrayContaining(['/plan/pause', '/plan/resume']));
  return found.filter((path) => path !== '/session');
}

describe('the operator API', () => {
  beforeAll(async () => {
    gateway = await start();
  });

  afterAll(() => gateway.stop());

  it('says nothing to those who do not show the token', async () => {
    for (const path of ['/overview', '/edges/a:b.C', '/audit', '/parked', '/plan', '/live'])
      expect(await codeOf(await ask(path)), path).toEqual([401, 'NOT_AUTHENTICATED']);
    expect((await ask('/overview', { headers: bearer(`${TOKEN}x`) })).status).toBe(401);
    expect((await ask('/overview', { headers: { cookie: 'banyan-operator=1.2.3' } })).status).toBe(401);
    expect((await ask('/overview', { headers: bearer(TOKEN) })).status).toBe(200);
  });

  it('tells with a session what it tells with the token, and keeps the session from scripts and other sites', async () => {
    const { cookie, header } = await signIn();
    expect(header).toMatch(/Path=\/api\/operator; HttpOnly; SameSite=Strict/);
    expect((await ask('/overview', { headers: { cookie } })).status).toBe(200);
    const proxied = { cookie, authorization: 'Basic YW5uOnNlY3JldA==' };
    expect((await ask('/overview', { headers: proxied })).status).toBe(200);
    expect(await (await ask('/session', { headers: { cookie } })).json()).toMatchObject({
      authenticated: true,
    });
    expect(await (await ask('/session')).json()).toEqual({ authenticated: false });
  });

  it('takes no cookie that somebody has changed', async () => {
    const { cookie } = await signIn();
    const [name, value = ''] = cookie.split('=');
    const [expires, ...rest] = value.split('.');
    const longer = `${name ?? ''}=${[Number(expires) + 1, ...rest].join('.')}`;
    expect((await ask('/overview', { headers: { cookie: longer } })).status).toBe(401);
  });

  it('does nothing for a session without what only its own page can know', async () => {
    const { cookie, csrf } = await signIn();
    const act = (headers: Record<string, string>) =>
      ask('/plan/pause', {
        method: 'POST',
        body: JSON.stringify({ reason: 'a test' }),
        headers: { ...json, cookie, ...headers },
      });
    expect(await codeOf(await act({}))).toEqual([403, 'CSRF']);
    const { csrf: another } = await signIn();
    expect(await codeOf(await act({ 'banyan-csrf': another }))).toEqual([403, 'CSRF']);
    expect(await codeOf(await act({ 'banyan-csrf': csrf }))).toEqual([503, 'BANYAN_CONTROL_UNREACHABLE']);
  });

  it('asks the same of each of its actions, whichever there are: who it is, from which page, and why', async () => {
    const { cookie, csrf } = await signIn();
    for (const path of await actions()) {
      const act = async (headers: Record<string, string>, body = {}) => {
        const sent = { method: 'POST', body: JSON.stringify(body), headers: { ...json, ...headers } };
        return ask(path, sent);
      };
      expect(await codeOf(await act({})), path).toEqual([401, 'NOT_AUTHENTICATED']);
      expect(await codeOf(await act({ cookie })), path).toEqual([403, 'CSRF']);
      const foreign = { ...bearer(TOKEN), origin: 'https://evil.example' };
      expect(await codeOf(await act(foreign)), path).toEqual([403, 'FOREIGN_ORIGIN']);
      for (const who of [bearer(TOKEN), { cookie, 'banyan-csrf': csrf }])
        for (const reason of [undefined, 'no', 'red\u001b[31m']) {
          const response = await act(who, { reason });
          const { errors = [] } = (await response.json()) as { errors?: { field: string }[] };
          expect([response.status, errors.map(({ field }) => field)], path).toEqual([
            ...[400, expect.arrayContaining(['body.reason'])],
          ]);
        }
    }
  });

  it('refuses the pages of others, those of the same site too, also to look', async () => {
    const { cookie } = await signIn();
    const from = async (headers: Record<string, string>) =>
      codeOf(await ask('/overview', { headers: { cookie, ...headers } }));
    expect(await from({ origin: 'http://127.0.0.1:1' })).toEqual([403, 'FOREIGN_ORIGIN']);
    expect(await from({ origin: 'null' })).toEqual([403, 'FOREIGN_ORIGIN']);
    expect(await from({ 'sec-fetch-site': 'same-site' })).toEqual([403, 'FOREIGN_ORIGIN']);
    expect((await from({ origin: `http://${gateway.address}` }))[0]).toBe(200);
    expect(await statusAsHost('rebound.example')).toBe(421);
  });

  it('ends a session for good', async () => {
    const { cookie, csrf } = await signIn();
    const leave = (headers: Record<string, string>) => ask('/session', { method: 'DELETE', headers });
    expect((await leave({ cookie })).status).toBe(403);
    expect((await leave({ cookie, 'banyan-csrf': csrf })).status).toBe(200);
    expect((await ask('/overview', { headers: { cookie } })).status).toBe(401);
  });

  it('asks for a reason, in words that a terminal can show', async () => {
    const act = (reason: unknown) =>
      ask('/edges/a:b.C/back', {
        method: 'POST',
        body: JSON.stringify({ reason, expectedChange: 0 }),
        headers: { ...json, ...bearer(TOKEN) },
      });
    for (const reason of [undefined, '', 'no', '   ', 'red\u001b[31m', 'x'.repeat(501)])
      expect((await act(reason)).status, String(reason)).toBe(400);
    expect((await act('a drill')).status).toBe(503);
  });

  it('takes no name of an operator that a terminal could not show, or that says nothing', async () => {
    const called = async (name: string) =>
      codeOf(await ask('/overview', { headers: { ...bearer(TOKEN), 'x-banyan-operator': name } }));
    for (const name of ['<b>ann</b>', '- ann', 'x'.repeat(65), 'ann\u009b'])
      expect(await called(name), name).toEqual([400, 'INVALID_REQUEST']);
    expect((await called('Ann B. +1'))[0]).toBe(200);
  });

  it('tells what it knows, and that the broker is away', async () => {
    const overview = (await (await ask('/overview', { headers: bearer(TOKEN) })).json()) as Overview;
    expect(overview).toMatchObject({ edges: [], relays: [], broker: { connected: false } });
    expect(await codeOf(await ask('/plan', { headers: bearer(TOKEN) }))).toEqual([
      503,
      'BANYAN_CONTROL_UNREACHABLE',
    ]);
    expect(await codeOf(await ask('/parked', { headers: bearer(TOKEN) }))).toEqual([404, 'NO_DATABASES']);
  });

  it('describes itself', async () => {
    const told = (await (await ask('/openapi.json')).json()) as { paths: Record<string, unknown> };
    expect(Object.keys(told.paths)).toEqual(
      expect.arrayContaining(['/api/operator/overview', '/api/operator/edges/{edge}/advance']),
    );
  });

  // Last: it locks this address out.
  it('looks at no more tokens of an address after ten wrong ones, and leaves open sessions alone', async () => {
    const { cookie } = await signIn();
    for (let i = 0; i < 10; i++) await ask('/overview', { headers: bearer(`wrong ${i}`) });
    expect(await codeOf(await ask('/overview', { headers: bearer(TOKEN) }))).toEqual([
      429,
      'TOO_MANY_WRONG_TOKENS',
    ]);
    expect((await ask('/overview', { headers: { cookie } })).status).toBe(200);
  });
});

describe('a gateway', () => {
  afterEach(() => gateway.stop());

  it('has no operator API without a token, and says how to have one', async () => {
    gateway = await start({ operatorToken: '' });
    const response = await ask('/overview');
    expect([response.status, await response.json()]).toMatchObject([
      404,
      { code: 'OPERATOR_API_OFF', remedy: expect.stringContaining('OPERATOR_TOKEN') },
    ]);
  });

  it('does not listen for others with a token that can be guessed', async () => {
    const opened = { address: '0.0.0.0:0', operatorToken: 'secret' };
    await expect(start(opened)).rejects.toThrow(/BANYAN_OPTION_INVALID.*6 characters/);
    gateway = await start({ ...opened, operatorToken: TOKEN });
  });

  it('serves the dashboard: its files for ever, and its page at any place in it', async () => {
    const dashboardDir = join(folder, 'dashboard');
    await mkdir(join(dashboardDir, 'assets'), { recursive: true });
    await writeFile(join(dashboardDir, 'assets', 'a-1.js'), 'a');
    gateway = await start({ dashboardDir });
    const load = (path: string, accept = 'text/html') =>
      fetch(`http://${gateway.address}${path}`, { headers: { accept } });
    expect(await codeOf(await load('/'))).toEqual([503, 'DASHBOARD_NOT_BUILT']);
    await writeFile(join(dashboardDir, 'index.html'), '<title>Banyan</title>');
    const page = await load('/edges/tasks:projects.GetProject');
    expect([page.status, await page.text()]).toEqual([200, '<title>Banyan</title>']);
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(page.headers.get('cache-control')).toBe('no-cache');
    expect((await load('/assets/a-1.js', '*/*')).headers.get('cache-control')).toMatch(/immutable/);
    expect((await load('/edges/x', 'application/json')).status).toBe(404);
    expect(await codeOf(await load('/api/nothing'))).toEqual([404, 'NO_SUCH_ROUTE']);
    expect((await load('/assets/..%2f..%2fstate%2fstages.json')).status).not.toBe(500);
  });
});

/** `fetch` does not let a caller say which host it means. */
function statusAsHost(host: string): Promise<number | undefined> {
  const url = `http://${gateway.address}/api/operator/session`;
  return new Promise((resolve, reject) => {
    get(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}
