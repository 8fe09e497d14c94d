import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testDatabase, testNats, uniqueName, type TestDatabase } from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReportedEdge } from '../testing/reported-edge.js';
import { runBanyan, type Ended } from '../testing/run-banyan.js';

const RELAY = fileURLToPath(new URL('../../../../outbox-relay/bin/banyan-relay.js', import.meta.url));

const PROTO = `
syntax = "proto3";
package projects.v1;
// service Ghost { rpc GetNothing(A) returns (B); }
service ProjectsService {
  rpc GetProject(A) returns (B) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc Watch(A) returns (stream B);
  rpc RecordActivity(projects.v1.A) returns (B);
}
service UserProfiles { rpc ListUsers(A) returns (B); }
`;

let folder: string;
let database: TestDatabase;

beforeEach(async () => {
  folder = join(mkdtempSync(join(tmpdir(), 'banyan-init-')), 'billing');
  mkdirSync(join(folder, 'proto'), { recursive: true });
  mkdirSync(join(folder, 'node_modules/other'), { recursive: true });
  writeFileSync(join(folder, 'proto/projects.proto'), PROTO);
  writeFileSync(join(folder, 'proto/own.proto'), 'service BillingService { rpc Pay(A) returns (B); }');
  writeFileSync(join(folder, 'node_modules/other/x.proto'), 'service XService { rpc GetX(A) returns (B); }');
  database = await testDatabase();
});
afterEach(async () => {
  await database.drop();
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

const init = (...args: string[]): Promise<Ended> => runBanyan(['init', folder, ...args]);
const withDatabase = (...args: string[]): Promise<Ended> => init('--database-url', database.url, ...args);
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

async function hasSchema(): Promise<boolean> {
  const { rowCount } = await database.pool.query(`select from pg_namespace where nspname = 'banyan'`);
  return rowCount === 1;
}

describe('banyan init', () => {
  it('says what it would do, and does nothing without being told to', async () => {
    const told = await withDatabase();
    expect(told.code).toBe(2);
    expect(told.out).toMatch(/schema banyan as outbox: apply \d+ migrations/);
    expect(told.out).toContain('playbooks/billing.yaml: write');
    expect(told.out).toContain('Add --yes to do it.');
    expect((await withDatabase('--json')).json).toMatchObject({ ok: true, done: false });
    const left = await runBanyan(['init', folder, '--database-url', database.url], { answer: false });
    expect(left.code).toBe(2);
    expect(existsSync(join(folder, 'banyan-relay.yaml'))).toBe(false);
    expect(await hasSchema()).toBe(false);
  });

  it('migrates, writes what is missing, overwrites nothing, and finds nothing to do the second time', async () => {
    mkdirSync(join(folder, 'playbooks'));
    writeFileSync(join(folder, 'playbooks/billing.yaml'), '# mine\n');
    const done = await withDatabase('--yes');
    expect(done).toMatchObject({ code: 0, err: '' });
    expect(done.out).toContain('playbooks/billing.yaml: there, stays as it is');
    expect(read('playbooks/billing.yaml')).toBe('# mine\n');
    expect(read('banyan-relay.yaml')).toContain('billing:');
    expect(await hasSchema()).toBe(true);
    const again = await withDatabase();
    expect(again.code).toBe(0);
    expect(again.out).toContain('schema banyan as subscriber: up to date');
    const doctor = await runBanyan(['doctor', '--database-url', database.url]);
    expect(doctor.code).toBe(0);
  });

  it('makes of the protos of others a playbook that the plan finds sound', async () => {
    await init('--yes');
    const file = join(folder, 'playbooks/billing.yaml');
    const plan = await runBanyan(['plan', file, '--json']);
    expect(plan.json).toMatchObject({ ok: true, playbook: 'billing', faults: [] });
    const text = read('playbooks/billing.yaml');
    const edges = [...text.matchAll(/^ {2}(billing -> \S+):$/gm)].map(([, edge]) => edge);
    expect(edges).toEqual([
      'billing -> projects.GetProject',
      'billing -> projects.RecordActivity',
      'billing -> user-profiles.ListUsers',
    ]);
    expect(text).toMatch(/RecordActivity:\n {4}kind: reaction/);
    expect(JSON.parse(read('playbooks/playbook.schema.json'))).toMatchObject({ title: 'Banyan playbook' });
  });

  it('prefers the edges that running processes report', async () => {
    const nats = await testNats();
    const edge = new ReportedEdge(nats.connection, `${uniqueName('tasks')} -> projects.GetProject`);
    try {
      await edge.start();
      const { json } = await init('--nats', nats.url, '--json');
      const { edges } = json as { edges: unknown[] };
      expect(edges).toContainEqual({ name: edge.name, kind: 'query' });
      expect(edges).not.toContainEqual(expect.objectContaining({ name: 'billing -> projects.GetProject' }));
    } finally {
      await edge.stop();
      await nats.close();
    }
  });

  it('writes a relay file that the relay runs with, without the password', async () => {
    const nats = await testNats();
    const source = uniqueName('billing').replaceAll('_', '-');
    const where = ['--nats', nats.url, '--service', source];
    expect((await withDatabase('--yes', '--role', 'outbox', ...where)).code).toBe(0);
    const { password, username } = new URL(database.url);
    const file = read('banyan-relay.yaml');
    expect(file).toContain(`${username}@`);
    expect(password === '' || !file.includes(`:${password}@`)).toBe(true);
    const args = [RELAY, '--config', join(folder, 'banyan-relay.yaml'), '--http', '127.0.0.1:0'];
    const env = { ...process.env, PGPASSWORD: decodeURIComponent(password) };
    const relay = spawn(process.execPath, args, { stdio: 'ignore', env });
    try {
      const status = async (): Promise<string> =>
        (await runBanyan(['relay', 'status', source, '--nats', nats.url])).out;
      await expect.poll(status, { timeout: 60_000, interval: 300 }).toContain('leading');
    } finally {
      relay.kill('SIGKILL');
      await once(relay, 'exit');
      await nats.close();
    }
  });

  it('refuses a folder that is not there, a name that is none, and a database that does not answer', async () => {
    expect((await runBanyan(['init', join(folder, 'no')])).err).toContain('there is no folder');
    expect((await init('--service', 'Bad Name')).err).toContain('is no name of a service');
    const gone = await init('--database-url', 'postgres://127.0.0.1:1/none', '--yes');
    expect(gone).toMatchObject({ code: 1, err: expect.stringContaining('BANYAN_DATABASE_UNREACHABLE') });
    expect(existsSync(join(folder, 'banyan-relay.yaml'))).toBe(false);
  });
});
