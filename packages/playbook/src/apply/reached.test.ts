import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordRehearsal, type RehearsalRecord, type RunStep } from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import type { Plan } from '../plan/plan.js';
import { parsePlaybook } from '../plan/read-playbook.js';
import { resolvePlan } from '../plan/resolve-plan.js';
import { ReportedEdge } from '../testing/reported-edge.js';
import { runBanyan } from '../testing/run-banyan.js';
import { keyedSteps } from './keyed-steps.js';
import { lookAtPlan } from './reached.js';
import { World } from './world.js';

const DONE = { state: 'done', at: '2026-01-01T00:00:00Z', by: 'ann', how: 'walked' } as const;

describe('how far the world is along a plan', () => {
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

  const drills = (): Plan =>
    resolvePlan(
      parsePlaybook(
        `
version: 1
name: drills
replicas: { tasks/p: {} }
edges: { ${edge.name}: { kind: query, replica: tasks/p } }
steps:
  - { backfill: tasks/p }
  - { advance: ${edge.name}, to: shadow, soak: 1h }
  - { rehearse: ${edge.name}, for: 1s }
  - { advance: ${edge.name}, to: prefer-replica, share: 20 }
  - { advance: ${edge.name}, to: prefer-replica }
  - { back: ${edge.name}, to: shadow }
  - { advance: ${edge.name}, to: prefer-replica }
`,
        'plan.yaml',
      ),
    );

  /** The steps that are reached, with `it` for the edge. */
  async function reached(): Promise<string[]> {
    const found = await lookAtPlan(drills(), { world: new World(nats.connection), by: 'ann' });
    expect(found.size).toBe(7);
    return [...found].flatMap(([key, { reached: is }]) => (is ? [key.replace(edge.name, 'it')] : []));
  }

  /** Those that a run, which believes that all was made, has to hear are so no more. */
  async function takenBack(): Promise<string[]> {
    const plan = drills();
    const steps = keyedSteps(plan).map(({ key, digest, edge: of }): RunStep => {
      return { key, digest, edge: of, place: '', note: null, ...DONE };
    });
    const look = { world: new World(nats.connection), by: 'ann', run: { steps } };
    const found = await lookAtPlan(plan, look);
    return [...found].flatMap(([key, { takenBack: is }]) => (is ? [key.replace(edge.name, 'it')] : []));
  }

  async function advance(): Promise<void> {
    const args = ['advance', edge.name, '--yes', '--force', '--reason', 'by hand'];
    expect(await runBanyan(args, { env: { NATS_URL: nats.url } })).toMatchObject({ code: 0 });
  }

  it('is each move up to where the edge stands, soaked or not, and nothing behind one that is not', async () => {
    expect(await reached()).toEqual([]);
    await advance();
    expect(await reached()).toEqual(['advance it to shadow']);
    await advance();
    const passed = ['for 20 %', ''].map((share) => `advance it to prefer-replica ${share}`.trim());
    expect(await reached()).toEqual(['advance it to shadow', ...passed]);
    await recordRehearsal(nats.connection, rehearsed());
    expect(await reached()).toEqual(['advance it to shadow', 'rehearse it', ...passed]);
  });

  it('is told of what a run has made and was taken back, and of nothing else', async () => {
    await advance();
    // The drill led here too: it stands.
    expect(await takenBack()).toEqual(['advance it to prefer-replica (2)']);
    await advance();
    expect(await takenBack()).toEqual([]);
  });

  function rehearsed(): RehearsalRecord {
    const counts = { calls: 12, failed: 0, cut: 0 };
    const { changeId } = edge.stage.running;
    return {
      ...{ edge: edge.name, stage: 'prefer-replica', changeId, at: new Date().toISOString(), by: 'ann' },
      ...{ forMs: 2_000, maxErrors: 0.001, outcome: 'passed', why: '', processes: [], ...counts },
    };
  }
});
