import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { noComparisons, noFallbacks } from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { ReportedEdge } from '../testing/reported-edge.js';
import { runBanyan, type Ended } from '../testing/run-banyan.js';

let nats: Awaited<ReturnType<typeof testNats>>;
let edges: ReportedEdge[];
let name: string;

beforeEach(async () => {
  nats = await testNats();
  name = `${uniqueName('tasks')} -> projects.GetProject`;
  edges = [1, 2].map(() => new ReportedEdge(nats.connection, name));
  await Promise.all(edges.map((edge) => edge.start()));
});
afterEach(async () => {
  await Promise.all(edges.map((edge) => edge.stop()));
  await nats.close();
});

const banyan = (...args: string[]): Promise<Ended> => runBanyan(args, { env: { NATS_URL: nats.url } });

it('shows what all processes measured, each for itself, and what changes were decided on', async () => {
  await banyan('advance', name, '--yes', '--by', 'ann', '--reason', 'first try');
  const differs = {
    outcome: 'wrong',
    at: '2026-01-02T03:04:05.000Z',
    version: 7,
    fields: ['status'],
  } as const;
  for (const edge of edges)
    edge.measured = {
      comparisons: { ...noComparisons(), equal: 321, wrong: 1 },
      strata: { small: { ...noComparisons(), equal: 300 }, large: { ...noComparisons(), wrong: 1 } },
      keysCompared: 40,
      fallbacks: { ...noFallbacks(), stale: 5 },
      counterexamples: [{ ...differs, fields: ['status'] }],
    };
  const { code, out } = await banyan('evidence', name);
  expect(code).toBe(0);
  expect(out).toContain('642');
  expect(out.match(/ 321 /g)).toHaveLength(2);
  expect(out).toContain('change 1 shadow: stale 10');
  expect(out).toContain('change 1 shadow: 40 distinct keys');
  expect(out).toContain('change 1 shadow small: equal 600');
  expect(out).toContain('change 1 shadow large: wrong 2');
  expect(out).toContain('wrong in status at version 7');
  expect(out).toContain('call -> shadow  by ann: first try');
  expect(out).toContain('gate pass: all 2 processes run the last change');
  expect((await banyan('evidence', name, '--json')).json).toMatchObject({
    ok: true,
    edge: { edge: name, evidence: [{ comparisons: { equal: 642, wrong: 2 } }] },
    processes: [{ report: { edge: name } }, { report: { edge: name } }],
    changes: [{ by: 'ann', evidence: { outcome: 'pass' } }],
  });
});

it('judges by the settings of the edge’s next step in a playbook, and says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-evidence-'));
  const playbook = join(folder, 'lenient.yaml');
  const step = `advance ${name} to prefer-replica`;
  writeFileSync(
    playbook,
    `
version: 1
name: lenient
replicas: { tasks/p: {} }
edges: { ${name}: { kind: query, replica: tasks/p } }
steps:
  - { advance: ${name}, to: shadow }
  - { advance: ${name}, to: prefer-replica, gate: { maxDisagreement: 0.3 } }
`,
  );
  await banyan('advance', name, '--yes');
  for (const edge of edges)
    edge.measured = { comparisons: { ...noComparisons(), equal: 40 }, keysCompared: 40 };
  expect((await banyan('evidence', name)).out).toMatch(
    /next +prefer-replica: not yet.*\n +settings +defaults/,
  );
  expect((await banyan('advance', name, '--yes')).code).toBe(2);
  const own = await banyan('advance', name, '--playbook', playbook, '--max-disagreement', '1%', '--json');
  expect(own.code).toBe(2);
  const { out } = await banyan('evidence', name, '--playbook', playbook);
  expect(out).toMatch(/next +prefer-replica: ready/);
  expect(out).toContain(`settings   ${step}`);
  const moved = await banyan('advance', name, '--playbook', playbook, '--yes', '--json');
  expect(moved).toMatchObject({ code: 0, json: { plan: { gate: { settingsFrom: step } } } });
  rmSync(folder, { recursive: true });
});

it('asks for an edge, and names the one that was probably meant', async () => {
  expect((await banyan('evidence')).err).toContain("missing required argument 'edge'");
  expect((await banyan('evidence', name.replace('Get', 'Gat'))).err).toContain(`did you mean '${name}'?`);
});
