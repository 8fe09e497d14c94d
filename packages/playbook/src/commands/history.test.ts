import { AuditLog } from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ReportedEdge } from '../testing/reported-edge.js';
import { runBanyan, type Ended } from '../testing/run-banyan.js';

let nats: Awaited<ReturnType<typeof testNats>>;
let edge: ReportedEdge;

beforeEach(async () => {
  nats = await testNats();
  edge = new ReportedEdge(nats.connection, `${uniqueName('tasks')} -> projects.GetProject`);
  await edge.start();
});
afterEach(async () => {
  await edge.stop();
  await nats.close();
});

const banyan = (...args: string[]): Promise<Ended> => runBanyan(args, { env: { NATS_URL: nats.url } });

it('tells who moved an edge, why, on what evidence, and whether the gate was overridden', async () => {
  await banyan('advance', edge.name, '--yes', '--by', 'ann', '--reason', 'first try');
  await banyan('advance', edge.name, '--yes', '--force', '--by', 'bob', '--reason', 'a drill');
  await banyan('back', edge.name, '--yes', '--by', 'cy', '--reason', 'enough');
  const { code, out } = await banyan('history', edge.name);
  expect(code).toBe(0);
  const lines = out.split('\n');
  expect(lines[0]).toMatch(/^20\S+ {2}.* -> projects.GetProject {2}call -> shadow {2}by ann: first try$/);
  expect(lines[1]).toBe('    gate pass: its one process runs the last change');
  expect(lines[2]).toMatch(/shadow -> prefer-replica {2}by bob \(forced\): a drill$/);
  expect(lines[3]).toMatch(/gate not-enough: .*320 more have to agree/);
  expect(lines[4]).toMatch(/prefer-replica -> shadow {2}by cy: enough$/);
  const { json } = await banyan('history', edge.name, '--limit', '1', '--json');
  expect(json).toMatchObject({ ok: true, entries: [{ by: 'cy', from: 'prefer-replica', outcome: 'made' }] });
});

it('marks what never came in force, and asks by kind and time', async () => {
  const at = new Date(Date.now() - 3_600_000).toISOString();
  const died = { from: 'call', to: 'shadow', by: 'eve', why: 'her machine died' };
  await new AuditLog(nats.connection).append({ kind: 'edge', about: edge.name, at, ...died });
  expect((await banyan('history', edge.name)).out).toMatch(/her machine died {2}\[never came in force\]$/);
  expect((await banyan('history', edge.name, '--since', '30m')).out).toBe('Nothing is recorded.');
  expect((await banyan('history', edge.name, '--kind', 'run')).out).toBe('Nothing is recorded.');
  expect((await banyan('history', edge.name, '--since', '2020-01-31')).out).toContain('her machine died');
});

it('refuses a kind and a time that there is not', async () => {
  expect(await banyan('history', '--kind', 'gate')).toMatchObject({ code: 1 });
  expect((await banyan('history', '--since', 'yesterday')).err).toContain('"yesterday" is no duration');
});
