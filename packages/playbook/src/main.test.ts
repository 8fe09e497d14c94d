import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  noComparisons,
  noFallbacks,
  Reporter,
  stageReportOf,
  StageWatch,
  type ComparisonCounts,
  type QueryEdgeReport,
  type EdgeStage,
} from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { run } from './main.js';

const NO_TIMES = { count: 0, p50: 0, p99: 0, max: 0 };

interface Ended {
  code: number;
  out: string;
  err: string;
  json: unknown;
}

describe('the banyan command', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let folder: string;
  let edge: string;
  let watch: StageWatch;
  let reporter: Reporter;
  let stage: EdgeStage<'query'>;
  /** What the process says it has compared under its present change. */
  let measured: Partial<ComparisonCounts>;
  /** What it says that it ramps by. */
  let rampBy: string | undefined;

  beforeEach(async () => {
    nats = await testNats();
    folder = mkdtempSync(join(tmpdir(), 'banyan-command-'));
    edge = `${uniqueName('tasks')} -> projects.GetProject`;
    measured = {};
    rampBy = undefined;
    watch = new StageWatch({ connection: nats.connection, stateDir: folder });
    stage = watch.edge({ edge, stages: ['call', 'shadow', 'prefer-replica', 'replica'] });
    reporter = new Reporter({ connection: nats.connection, service: 'tasks', edges: [{ report }] });
    watch.start();
    await reporter.start();
  });
  afterEach(async () => {
    reporter.stop();
    await watch.stop();
    await nats.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function report(): QueryEdgeReport {
    const { change, changeId, stage: at } = stage.running;
    const calls = { ok: 42, failed: 0, byReplica: 0 };
    const comparisons = { ...noComparisons(), ...measured };
    const counts = { calls, comparisons, latencyMs: NO_TIMES, lateMs: NO_TIMES, fallbacks: noFallbacks() };
    return {
      ...stageReportOf(stage),
      ...(rampBy === undefined ? {} : { rampBy }),
      freshness: { asOfMs: 1, stalenessMs: 120, budgetMs: 2_000, fresh: true },
      evidence: [{ change, changeId, stage: at, ...counts, counterexamples: [] }],
    };
  }

  async function banyan(args: string[], answer?: boolean): Promise<Ended> {
    const [out, err]: [string[], string[]] = [[], []];
    const terminal = {
      out: (line: string) => void out.push(line),
      err: (line: string) => void err.push(line),
      confirm: answer === undefined ? undefined : () => Promise.resolve(answer),
    };
    const code = await run(args, { terminal, env: { NATS_URL: nats.url }, folder });
    const json: unknown = args.includes('--json') ? JSON.parse(out.join('\n')) : undefined;
    return { code, out: out.join('\n'), err: err.join('\n'), json };
  }

  const to = (target: string): Promise<Ended> => banyan(['back', edge, '--to', target, '--yes']);

  it('shows every edge that a process reports, before its first change', async () => {
    const all = await banyan(['status']);
    expect(all.code).toBe(0);
    expect(all.out).toContain(`${edge}: shadow: ready: its one process runs the last change`);
    const one = await banyan(['status', edge]);
    expect(one.out).toContain('stage      call (never changed)');
    expect(one.out).toContain('fresh (120 of 2000 ms)');
    expect((await banyan(['status', edge, '--json'])).json).toMatchObject({
      ok: true,
      edges: [{ edge, stage: 'call', change: 0, evidence: [{ calls: { ok: 42 } }] }],
      history: [],
    });
  });

  it('does nothing without being told to, and says how', async () => {
    const plan = await banyan(['advance', edge]);
    expect(plan).toMatchObject({ code: 2 });
    expect(plan.out).toContain(`${edge}: call -> shadow`);
    expect(plan.out).toContain('Add --yes to do it.');
    expect((await banyan(['advance', edge], false)).code).toBe(2);
    expect((await banyan(['advance', edge, '--json'])).json).toMatchObject({
      ok: true,
      done: false,
      plan: { to: 'shadow' },
    });
    expect(stage.running.change).toBe(0);
  });

  it('advances when a person at the terminal says yes', async () => {
    const done = await banyan(['advance', edge], true);
    expect(done).toMatchObject({ code: 0 });
    expect(done.out).toMatch(/Change 1 is in force in 1\/1 processes \(slowest \d+ ms\)\./);
    expect(stage.running.stage).toBe('shadow');
  });

  it('advances stage by stage as the evidence allows, and back all the way without any', async () => {
    expect((await banyan(['advance', edge, '--yes'])).code).toBe(0);
    measured = { equal: 120 };
    const early = await banyan(['advance', edge, '--yes']);
    expect(early).toMatchObject({ code: 2 });
    expect(early.err).toMatch(/0 of 120 comparisons disagree; at most 1 % may, .*; \d+ more have to agree/);
    expect((await banyan(['advance', edge, '--yes', '--max-disagreement', '3%'])).code).toBe(0);
    measured = { equal: 999 };
    expect((await banyan(['advance', edge, '--yes', '--json'])).json).toMatchObject({
      done: true,
      plan: { from: 'prefer-replica', to: 'replica', gate: { outcome: 'pass' } },
      record: { change: 3, stage: 'replica', evidence: { outcome: 'pass' } },
      missing: [],
    });
    expect((await banyan(['advance', edge, '--yes'])).err).toContain('replica is the highest stage');
    expect((await banyan(['back', edge, '--yes'])).code).toBe(0);
    expect(stage.running.stage).toBe('prefer-replica');
    expect((await to('call')).code).toBe(0);
    expect(stage.running.stage).toBe('call');
    expect(await to('call')).toMatchObject({ code: 1 });
  });

  it('moves a share of the keys, raises and lowers it, and completes it', async () => {
    const refused = await banyan(['advance', edge, '--share', '10', '--yes']);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.err).toContain('do not name one key to ramp by');
    rampBy = 'project';
    const begun = await banyan(['advance', edge, '--share', '10%', '--yes']);
    expect(begun).toMatchObject({ code: 0 });
    expect(begun.out).toContain(`${edge}: call -> shadow 10 %, else call`);
    expect(stage.running).toMatchObject({ stage: 'shadow', ramp: { from: 'call', share: 10 } });
    const shown = (await banyan(['status', edge])).out;
    expect(shown).toContain('share      10 % by project');
    expect(shown).toContain('shadow for more than 10 %: ready');
    expect((await banyan(['advance', edge, '--share', '10', '--yes'])).err).toContain('not above the 10 %');
    expect((await banyan(['advance', edge, '--share', '50', '--yes'])).code).toBe(0);
    expect((await banyan(['back', edge, '--share', '0.5', '--yes'])).code).toBe(0);
    expect(stage.running.ramp?.share).toBe(0.5);
    expect((await banyan(['advance', edge, '--yes'])).code).toBe(0);
    expect(stage.running.ramp).toBeUndefined();
    expect(stage.running.stage).toBe('shadow');
    expect((await banyan(['advance', edge, '--share', '101'])).code).toBe(1);
  });

  it('refuses to advance on answers that differ, unless forced with a reason that is recorded', async () => {
    await banyan(['advance', edge, '--yes']);
    measured = { equal: 999, wrong: 60 };
    const refused = await banyan(['advance', edge, '--yes', '--json']);
    expect(refused).toMatchObject({ code: 1, json: { ok: false, error: { code: 'BANYAN_GATE_REFUSED' } } });
    expect((await banyan(['advance', edge, '--yes', '--force'])).err).toContain('--force needs --reason');
    const forced = await banyan(['advance', edge, '--yes', '--force', '--reason', 'a drill', '--by', 'ann']);
    expect(forced.code).toBe(0);
    expect(stage.record).toMatchObject({
      forced: true,
      why: 'a drill',
      by: 'ann',
      evidence: { outcome: 'fail' },
    });
    expect((await banyan(['status', edge])).out).toContain('by ann (forced): a drill');
  });

  it('names the edge that was probably meant', async () => {
    const typo = await banyan(['status', edge.replace('GetProject', 'GetProjekt')]);
    expect(typo).toMatchObject({ code: 1 });
    expect(typo.err).toContain(`did you mean '${edge}'?`);
  });

  it('says in one line that NATS is not there', async () => {
    const gone = await banyan(['status', '--nats', 'nats://ann:secret@127.0.0.1:1', '--json']);
    expect(gone).toMatchObject({
      code: 1,
      json: { ok: false, error: { code: 'BANYAN_CONTROL_UNREACHABLE' } },
    });
    expect(gone.err.split('\n')).toHaveLength(1);
    expect(gone.err).not.toContain('secret');
  });

  it('helps, with examples, and fails on what it does not know', async () => {
    const help = await banyan(['advance', '--help']);
    expect(help).toMatchObject({ code: 0 });
    expect(help.out).toContain('banyan advance tasks:projects.GetProject --yes');
    expect(await banyan(['advanse'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('advance') as string,
    });
  });
});
