import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { changeStage, recordRehearsal, type RehearsalRecord } from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { ReportedEdge } from '../../testing/reported-edge.js';
import { runBanyan, type Ended } from '../../testing/run-banyan.js';

let nats: Awaited<ReturnType<typeof testNats>>;
let folder: string;
let edge: ReportedEdge;
/** One that the step below is content with. */
let held: RehearsalRecord;

beforeEach(async () => {
  nats = await testNats();
  folder = mkdtempSync(join(tmpdir(), 'banyan-rehearsal-'));
  const stages = ['prefer-replica', 'replica'] as const;
  edge = new ReportedEdge(nats.connection, `${uniqueName('tasks')} -> projects.GetProject`, stages);
  await edge.start();
  const move = { edge: edge.name, kind: 'query', stage: 'replica', from: 'prefer-replica' } as const;
  const { record } = await changeStage(nats.connection, {
    ...move,
    by: 'ann',
    why: 'a test',
    expected: undefined,
  });
  const counts = { calls: 50, failed: 0, cut: 0 };
  held = {
    ...{ edge: edge.name, stage: 'replica', changeId: record.changeId, ...counts, processes: [], why: '' },
    ...{ at: '2026-01-31T12:00:00Z', by: 'bob', forMs: 200, maxErrors: 0.01, outcome: 'passed' },
  };
});

afterEach(async () => {
  await edge.stop();
  await nats.close();
  rmSync(folder, { recursive: true, force: true });
});

const plan = (name: string): string => `
version: 1
name: ${uniqueName('plan').replaceAll('_', '-')}
replicas: { tasks/p: {} }
edges: { ${name}: { kind: query, replica: tasks/p, floor: prefer-replica } }
steps:
  - { rehearse: ${name}, for: 200ms, maxErrors: 0.01, minCalls: 50 }
`;

async function apply(last: Partial<RehearsalRecord>): Promise<Ended> {
  await recordRehearsal(nats.connection, { ...held, ...last });
  const file = join(folder, 'plan.yaml');
  writeFileSync(file, plan(edge.name));
  return runBanyan(['apply', file, '--yes', '--wait', '0s'], { env: { NATS_URL: nats.url }, folder });
}

it('counts one that asked for as much, whoever held it', async () => {
  expect(await apply({})).toMatchObject({ code: 0, out: expect.stringContaining('was done already') });
});

it.each([
  ['shorter', { forMs: 199 }],
  ['by a wider budget', { maxErrors: 0.02 }],
  ['with fewer calls', { calls: 49 }],
  ['of before the last change', { changeId: 'an-earlier-one' }],
])('counts none that was %s, and holds another', async (_, different) => {
  const { code, out, err } = await apply(different);
  expect(code).toBe(2);
  expect(out).toContain('begins (nobody has seen it hold at replica)');
  // Of 50 that are asked for.
  expect(err).toMatch(/^waiting: rehearse .*: not-enough at replica: 0 of 42 calls failed in 0.2 s/);
});
