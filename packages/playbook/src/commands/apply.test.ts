import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  noComparisons,
  parseEdge,
  readRuns,
  RUN_BUCKET,
  RunStore,
  StageStore,
  type RunView,
} from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { jetstream } from '@nats-io/jetstream';
import { ReportedEdge } from '../testing/reported-edge.js';
import { runBanyan, type Ended } from '../testing/run-banyan.js';

const ENOUGH = { comparisons: { ...noComparisons(), equal: 400 } };

describe('banyan apply', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let folder: string;
  let file: string;
  let playbook: string;
  let edge: ReportedEdge;

  beforeEach(async () => {
    nats = await testNats();
    folder = mkdtempSync(join(tmpdir(), 'banyan-apply-'));
    playbook = uniqueName('plan').replaceAll('_', '-');
    file = join(folder, 'plan.yaml');
    const stages = ['shadow', 'prefer-replica', 'replica'] as const;
    edge = new ReportedEdge(nats.connection, `${uniqueName('tasks')} -> projects.GetProject`, stages);
    await edge.start();
    writeFileSync(file, plan());
  });
  afterEach(async () => {
    await edge.stop();
    await nats.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const plan = (more = ''): string => `
version: 1
name: ${playbook}
replicas: { tasks/p: {} }
edges: { ${edge.name}: { kind: query, replica: tasks/p, floor: shadow } }
steps:
  - { advance: ${edge.name}, to: prefer-replica, id: prefer }
  - { advance: ${edge.name}, to: replica, id: top }
${more}`;

  const banyan = (...args: string[]): Promise<Ended> =>
    runBanyan(args, { env: { NATS_URL: nats.url }, folder });
  const apply = (...args: string[]): Promise<Ended> =>
    banyan('apply', file, '--yes', '--by', 'ann', '--wait', '0s', ...args);

  async function run(): Promise<RunView | undefined> {
    return (await readRuns(nats.connection)).find((each) => each.playbook === playbook);
  }

  async function changes(): Promise<string[]> {
    const history = await (await StageStore.open(nats.connection)).history(parseEdge(edge.name));
    return history.map(({ from, stage, by }) => `${from} -> ${stage} by ${by}`);
  }

  it('says what it would do, and does nothing without being told to', async () => {
    edge.measured = ENOUGH;
    const { code, out } = await banyan('apply', file);
    expect(code).toBe(2);
    expect(out).toContain(`advance ${edge.name} to replica`);
    expect(out).toContain('Nothing was changed. Add --yes to do it.');
    const refused = await runBanyan(['apply', file], { env: { NATS_URL: nats.url }, answer: false });
    expect(refused.code).toBe(2);
    expect([await changes(), await run()]).toEqual([[], undefined]);
  });

  it('says what is so already, though no run has come to it', async () => {
    edge.measured = ENOUGH;
    await banyan('advance', edge.name, '--yes');
    const { out } = await banyan('apply', file);
    expect(out).toMatch(/ to prefer-replica +is so already\n.* to replica +to do\n/);
    const { json } = await banyan('apply', file, '--json');
    expect(json).toMatchObject({
      steps: [
        { state: 'todo', reached: true },
        { state: 'todo', reached: false },
      ],
    });
    expect(await run()).toBeUndefined();
  });

  it('walks all steps whose gates pass, tells of each, and is done once', async () => {
    edge.measured = ENOUGH;
    const { code, out } = await apply('--json');
    expect(code).toBe(0);
    const lines = out.split('\n').map((line) => JSON.parse(line) as { kind?: string; state?: string });
    const once = ['acting', 'acted', 'done'];
    expect(lines.map(({ kind, state }) => kind ?? state)).toEqual([...once, ...once, 'done']);
    const walked = ['shadow -> prefer-replica by ann', 'prefer-replica -> replica by ann'];
    expect(await changes()).toEqual(walked);
    expect(await run()).toMatchObject({
      state: 'done',
      startedBy: 'ann',
      steps: [
        { state: 'done', how: 'walked', by: 'ann', edge: edge.name },
        { state: 'done', how: 'walked', by: 'ann' },
      ],
    });
    expect((await apply()).code).toBe(0);
    expect(await changes()).toEqual(walked);
  });

  it('waits for a gate, says what is missing, and goes on from there', async () => {
    edge.measured = { comparisons: { ...noComparisons(), equal: 100 } };
    const { code, err } = await apply();
    expect(code).toBe(2);
    expect(err).toMatch(/to prefer-replica: .*220 more have to agree/);
    expect(await run()).toMatchObject({ state: 'waiting', steps: [{ state: 'waiting' }, { state: 'todo' }] });
    expect((await banyan('apply', 'status', file)).out).toMatch(/waits: .*220 more have to agree/);
    edge.measured = ENOUGH;
    expect((await apply('--until', 'prefer')).code).toBe(0);
    expect(await changes()).toEqual(['shadow -> prefer-replica by ann']);
    expect((await apply()).code).toBe(0);
  });

  it('stops at a gate that fails, with the reason and the way back', async () => {
    edge.measured = ENOUGH;
    expect((await apply('--until', 'prefer')).code).toBe(0);
    edge.measured = { comparisons: { ...noComparisons(), wrong: 100 } };
    const { code, err } = await apply();
    expect(code).toBe(1);
    expect(err).toMatch(/its gate fails: 100 of 100 .*banyan back ".*" --yes. takes it back/);
    expect(await run()).toMatchObject({ state: 'failed', steps: [{ state: 'done' }, { state: 'failed' }] });
  });

  it('stops when an edge was taken back under its feet, and walks up again only when told so again', async () => {
    edge.measured = ENOUGH;
    expect((await apply()).code).toBe(0);
    const back = await banyan(
      'back',
      edge.name,
      '--yes',
      '--to',
      'shadow',
      '--by',
      'bob',
      '--reason',
      'slow',
    );
    expect(back.code).toBe(0);
    const { out: status, code } = await banyan('apply', 'status', file);
    expect(status.match(/done at .* by ann, and taken back since/g)).toHaveLength(2);
    expect(code).toBe(2);
    const stopped = await apply();
    expect(stopped.code).toBe(1);
    expect(stopped.err).toContain(
      'stands at shadow, below replica where this run left it, taken back by bob: slow',
    );
    expect((await changes()).at(-1)).toBe('replica -> shadow by bob');
    expect((await apply()).code).toBe(0);
    expect((await changes()).at(-1)).toBe('prefer-replica -> replica by ann');
    expect(await banyan('apply', 'status', file)).toMatchObject({
      code: 0,
      out: expect.not.stringContaining('back'),
    });
  });

  it('is refused while another one walks, and takes over from one that fell silent', async () => {
    const store = await RunStore.open(nats.connection);
    const lease = await store.take(playbook, 'bob');
    const refused = await apply();
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('is being applied by bob')]);
    await lease.release();
    const silent = JSON.stringify({ id: 'x', by: 'eve', host: 'elsewhere', pid: 1, since: 'then' });
    await jetstream(nats.connection).publish(`$KV.${RUN_BUCKET}.lease.${playbook}`, silent);
    edge.measured = ENOUGH;
    expect((await apply()).code).toBe(0);
  });

  it('pauses between steps, and holds back a step that was postponed', async () => {
    edge.measured = ENOUGH;
    expect((await banyan('apply', 'pause', file, '--by', 'bob')).code).toBe(0);
    expect(await apply()).toMatchObject({ code: 2, err: expect.stringContaining('paused by bob') });
    expect((await banyan('apply', 'resume', file)).code).toBe(0);
    const held = await apply('--postpone', 'top');
    expect([held.code, held.err]).toEqual([
      2,
      expect.stringContaining('postponed by ann; it is ready otherwise'),
    ]);
    expect(await changes()).toEqual(['shadow -> prefer-replica by ann']);
    expect((await banyan('apply', 'release', '2', '--playbook', file)).code).toBe(0);
    expect((await apply()).code).toBe(0);
  });

  it('notices that the playbook was changed, and keeps what is done', async () => {
    edge.measured = ENOUGH;
    expect((await apply('--until', '1')).code).toBe(0);
    writeFileSync(file, plan(`  - { back: ${edge.name}, to: prefer-replica }\n`));
    const { code, out } = await apply();
    expect(code).toBe(0);
    expect(out).toContain(
      `the playbook has changed since the run began (new: back ${edge.name} to prefer-replica)`,
    );
    expect(await changes()).toHaveLength(3);
  });

  it('refuses a playbook with faults, and steps and edges that it does not have', async () => {
    expect((await apply('--until', 'tip')).err).toContain(
      'BANYAN_STEP_UNKNOWN: "tip" is no step of the playbook: did you mean top?',
    );
    expect((await apply('--edge', 'a -> b.C')).err).toContain('has no edge "a -> b.C"');
    writeFileSync(file, readFileSync(file, 'utf8').replace(', floor: shadow', ''));
    expect((await apply()).err).toContain('skipped-stage');
    expect(await changes()).toEqual([]);
  });
});
