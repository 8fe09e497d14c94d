import { ProjectsServiceService } from '@banyan/contracts/projects';
import { status } from '@grpc/grpc-js';
import { stageGate, StageWatch, type ChangeEvidence } from '@banyan/control';
import { temporaryFolder, testNats, uniqueName } from '@banyan/devstack';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EdgeStand, projectOf, type EdgeSettings } from '../testing/edge-stand.js';
import { queryEdge } from './query-edge.js';

let nats: Awaited<ReturnType<typeof testNats>>;
const stands: EdgeStand[] = [];

beforeAll(async () => {
  nats = await testNats();
});
afterEach(async () => {
  await Promise.all(stands.splice(0).map((stand) => stand.stop()));
});
afterAll(() => nats.close());

const IDS = ['big-1', 'big-2', 'small-1'];
/** Some 30 comparisons that agree suffice. */
const TARGET = { maxDisagreement: 0.1, confidence: 0.95 };

function standOf(settings: EdgeSettings = {}): Promise<EdgeStand> {
  const stand: EdgeStand = new EdgeStand(`${uniqueName('tasks')} -> projects.GetProject`, nats.connection, {
    probes: () => IDS.map((id) => ({ id })),
    probeEveryMs: 10,
    probeTarget: TARGET,
    probeClient: () => stand.client,
    ...settings,
  });
  stands.push(stand);
  for (const id of IDS) stand.put(id);
  return stand.start();
}

const evidenceOf = ({ edge }: EdgeStand): ChangeEvidence | undefined => edge.report(true).evidence.at(-1);

function gateOf({ edge }: EdgeStand) {
  const { changeId } = edge.stage.running;
  return stageGate({ from: 'shadow', to: 'prefer-replica', changeId, reports: [edge.report(true)] }, TARGET);
}

describe('probes', () => {
  it('gather the evidence that nobody’s calls do, are counted apart, and end once it suffices', async () => {
    const stand = await standOf();
    await stand.move('shadow');
    await expect.poll(() => gateOf(stand).outcome, { timeout: 20_000 }).toBe('pass');
    await stand.edge.settled();
    const { comparisons, byProbe, calls } = evidenceOf(stand) ?? {};
    expect(byProbe).toEqual(comparisons);
    expect(calls).toEqual({ ok: 0, failed: 0, byReplica: 0 });
    expect(gateOf(stand).reasons[1]).toMatch(/^0 of (\d+) comparisons disagree, \1 of them by probes; /);
    const made = stand.provider.calls;
    await stand.get('big-1');
    await expect.poll(() => evidenceOf(stand)?.comparisons.equal).toBe((comparisons?.equal ?? 0) + 1);
    expect(evidenceOf(stand)?.byProbe).toEqual(byProbe);
    expect(stand.provider.calls).toBe(made + 1);
  });

  it('ask for the strata that lack evidence, and find what is wrong there', async () => {
    const stand = await standOf({
      stratumOf: ({ id }) => id.split('-')[0],
      strata: ['small'],
      probes: async function* () {
        for (const id of IDS) yield await Promise.resolve({ id });
      },
    });
    stand.replica.put(projectOf('small-1', 1, 'wrong'));
    await stand.move('shadow');
    await expect.poll(() => gateOf(stand).outcome, { timeout: 20_000 }).toBe('fail');
    const { big, small } = evidenceOf(stand)?.strata ?? {};
    expect(small?.wrong).toBeGreaterThan(0);
    expect([small?.equal, big?.wrong]).toEqual([0, 0]);
  });

  it.each(['call', 'replica', 'retired'] as const)('never ask anybody at the stage %s', async (stage) => {
    const stand = await standOf();
    if (stage !== 'call') await stand.move(stage);
    const drawn: unknown[] = [];
    const other = await standOf({ probes: () => (drawn.push(1), [{ id: 'big-1' }]) });
    if (stage !== 'call') await other.move(stage);
    // The same process probes elsewhere for longer than it would take here.
    const busy = await standOf();
    await busy.move('shadow');
    await expect.poll(() => evidenceOf(busy)?.byProbe?.equal ?? 0, { timeout: 20_000 }).toBeGreaterThan(10);
    expect([stand.provider.calls, other.provider.calls, drawn.length]).toEqual([0, 0, 0]);
  });

  it('go the way of the last call where no client is named, and wait for one', async () => {
    const stand = await standOf({ probeClient: () => undefined });
    await stand.move('shadow');
    const busy = await standOf();
    await busy.move('shadow');
    await expect.poll(() => evidenceOf(busy)?.byProbe?.equal ?? 0, { timeout: 20_000 }).toBeGreaterThan(5);
    expect(stand.provider.calls).toBe(0);
    await stand.get('big-1');
    await expect.poll(() => evidenceOf(stand)?.byProbe?.equal ?? 0, { timeout: 20_000 }).toBeGreaterThan(5);
    expect(evidenceOf(stand)?.calls).toMatchObject({ ok: 1, failed: 0 });
  });

  it('say nothing of a replica whose provider does not answer them, and outlive a source that throws', async () => {
    let drawn = 0;
    const stand = await standOf({
      probes: () => {
        drawn += 1;
        if (drawn % 2 === 0) throw new Error('no database');
        return [{ id: 'big-1' }];
      },
    });
    stand.provider.handler = (_call, answer) =>
      answer({ code: status.UNAUTHENTICATED, details: 'who are you?' });
    await stand.move('shadow');
    await expect.poll(() => stand.provider.calls, { timeout: 20_000 }).toBeGreaterThan(5);
    await stand.edge.settled();
    expect(evidenceOf(stand)?.byProbe).toBeUndefined();
    expect(evidenceOf(stand)?.comparisons).toMatchObject({ oneSided: 0, unjudged: 0, shed: 0 });
  });

  it('are refused for a method that is not declared to have no side effects, whatever its owner says', async () => {
    const folder = await temporaryFolder();
    const watch = new StageWatch({ connection: nats.connection, stateDir: folder.path });
    const { createProject } = ProjectsServiceService;
    const options = {
      edge: `${uniqueName('tasks')} -> projects.CreateProject`,
      method: createProject,
      replica: { read: () => Promise.resolve(undefined), freshness: () => ({ asOfMs: undefined }) },
      compare: { version: () => 1 },
      budget: { stalenessMs: 1_000 },
      stages: watch,
      sideEffectFree: true,
    };
    expect(() => queryEdge(options)).not.toThrow();
    expect(() => queryEdge({ ...options, probes: () => [] })).toThrow('cannot probe');
    await folder.remove();
  });
});
