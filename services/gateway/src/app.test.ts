import { get } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type Gateway } from './gateway.js';

// What the gateway does by itself, with nobody behind it: no service, no broker.

let stateDir: string;
let gateway: Gateway;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'banyan-gateway-'));
  gateway = await startGateway({
    ...{ teamsAddress: '127.0.0.1:1', projectsAddress: '127.0.0.1:1', tasksAddress: '127.0.0.1:1' },
    ...{ natsUrl: 'nats://127.0.0.1:1', stateDir, rateLimit: 100, maxBodyBytes: 1024 },
  });
});

afterAll(async () => {
  await gateway.stop();
  await rm(stateDir, { recursive: true, force: true });
});

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`http://${gateway.address}${path}`, init);

const post = (path: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  ask(path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

describe('a gateway by itself', () => {
  it('lives, and is not ready while no service can be reached', async () => {
    expect((await ask('/healthz')).status).toBe(200);
    await expect
      .poll(async () => (await ask('/readyz')).json())
      .toEqual({
        ready: false,
        stopping: false,
        live: false,
        services: { teams: false, projects: false, tasks: false },
      });
  });

  it('says that a service is away as a problem with a code and a remedy', async () => {
    const response = await ask('/api/teams');
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({
      status: 503,
      code: 'UNAVAILABLE',
      remedy: expect.stringContaining('again'),
    });
  });

  it('refuses what only a page of somebody else sends', async () => {
    const body = JSON.stringify({ name: 'Roots' });
    const foreign = await post('/api/teams', body, { origin: 'https://evil.example' });
    expect([foreign.status, await foreign.json()]).toMatchObject([403, { code: 'FOREIGN_ORIGIN' }]);
    const own = await post('/api/teams', body, { origin: `http://${gateway.address}` });
    expect(own.status).toBe(503);
    expect(await statusAsHost('rebound.example')).toBe(421);
  });

  it('refuses bodies that are too large, of another kind, or not as described, and says what is wrong', async () => {
    expect((await post('/api/teams', `{"name":"${'x'.repeat(2000)}"}`)).status).toBe(413);
    expect((await post('/api/teams', 'name=Roots', { 'content-type': 'text/plain' })).status).toBe(415);
    const wrong = await post('/api/teams', '{"name":7,"nmae":"Roots"}');
    expect([wrong.status, await wrong.json()]).toMatchObject([
      400,
      { code: 'INVALID_REQUEST', errors: [{ field: 'body.nmae' }, { field: 'body.name' }] },
    ]);
  });

  it('knows no path but its own, and lets no page frame it or load from elsewhere', async () => {
    const response = await ask('/api/nothing', { headers: { origin: 'https://evil.example' } });
    expect([response.status, await response.json()]).toMatchObject([404, { code: 'NO_SUCH_ROUTE' }]);
    const policy = response.headers.get('content-security-policy');
    expect(policy).toMatch(/default-src 'self'.*frame-ancestors 'none'/);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('keeps a caller’s request id if it can be logged as it is', async () => {
    const idFor = async (id: string) =>
      (await ask('/healthz', { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(await idFor('abc-1')).toBe('abc-1');
    expect(await idFor('two words')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('limits the requests of one address, and neither its health checks nor its pages', async () => {
    const statuses = new Set<number>();
    // More than any minute allows, wherever in them it begins.
    for (let i = 0; i < 250 && !statuses.has(429); i++) statuses.add((await ask('/api/openapi.json')).status);
    expect([...statuses]).toEqual([200, 429]);
    const limited = await ask('/api/openapi.json');
    expect(await limited.json()).toMatchObject({
      status: 429,
      remedy: expect.stringContaining('Retry-After'),
    });
    expect((await ask('/healthz')).status).toBe(200);
    expect((await ask('/board/')).status).toBe(200);
  });
});

/** `fetch` does not let a caller say which host it means. */
function statusAsHost(host: string): Promise<number | undefined> {
  const url = `http://${gateway.address}/healthz`;
  return new Promise((resolve, reject) => {
    get(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}
