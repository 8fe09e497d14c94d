import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testNats, uniqueName } from '@banyan/devstack';
import { changeStage, type StageChange } from './change-stage.js';
import { collectReports } from './collect-reports.js';
import type { EdgeStage } from './edge-stage.js';
import { overviewsOf } from './overview.js';
import { stageReportOf } from './report.js';
import { Reporter, REPORT_SUBJECT } from './reporter.js';
import { StageWatch } from './stage-watch.js';
import { QUERY_LADDER, type Ladder, type QueryStage } from './stage.js';

type Nats = Awaited<ReturnType<typeof testNats>>;

/** One process with one edge: its own connection, watch and reporter. */
class Process {
  private constructor(
    readonly nats: Nats,
    readonly watch: StageWatch,
    readonly reporter: Reporter,
  ) {}

  static async start(
    name: string,
    given: { edge: string; folder: string; ladder?: Ladder<QueryStage>; deaf?: boolean },
  ): Promise<Process> {
    const nats = await testNats();
    const watch = new StageWatch({
      connection: nats.connection,
      stateDir: join(given.folder, name),
      checkEveryMs: 100,
    });
    const stage = watch.edge({ edge: given.edge, stages: given.ladder ?? QUERY_LADDER });
    if (given.deaf !== true) watch.start();
    const edges = [{ report: () => ({ ...stageReportOf(stage), freshness: FRESH, evidence: [] }) }];
    const reporter = new Reporter({ connection: nats.connection, service: 'tasks', instance: name, edges });
    await reporter.start();
    return new Process(nats, watch, reporter);
  }

  async stop(): Promise<void> {
    this.reporter.stop();
    await this.watch.stop();
    await this.nats.close();
  }
}

const FRESH = { asOfMs: 1, stalenessMs: 1, budgetMs: 1_000, fresh: true };

describe('changing a stage', () => {
  let folder: string;
  let edge: string;
  let operator: Nats;
  const processes: Process[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'banyan-change-'));
    edge = `${uniqueName('tasks')} -> projects.GetProject`;
    operator = await testNats();
  });
  afterEach(async () => {
    await Promise.all(processes.splice(0).map((process) => process.stop()));
    await operator.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(
    name: string,
    given: { ladder?: Ladder<QueryStage>; deaf?: boolean } = {},
  ): Promise<EdgeStage<'query'>> {
    const process = await Process.start(`${name}-${edge}`, { edge, folder, ...given });
    processes.push(process);
    return process.watch.edge({ edge, stages: QUERY_LADDER });
  }

  const changeOf = (given: Partial<StageChange> = {}): StageChange => ({
    edge,
    stage: 'shadow',
    from: 'call',
    by: 'ann',
    why: 'because',
    expected: undefined,
    ...given,
  });

  it('is done when every process that reports the edge runs the change', async () => {
    const stages = [await start('one'), await start('two'), await start('three')];
    const { record, inForce, missing } = await changeStage(operator.connection, changeOf());
    expect(stages.map(({ running }) => running.changeId)).toEqual(Array(3).fill(record.changeId));
    expect(inForce).toHaveLength(3);
    expect(missing).toEqual([]);
  });

  it('names the processes that do not run it in time, and why', async () => {
    await start('good');
    await start('deaf', { deaf: true });
    await start('old', { ladder: ['call', 'replica'] });
    const { inForce, missing } = await changeStage(operator.connection, changeOf({ timeoutMs: 3_000 }));
    expect(inForce.map(({ process }) => process)).toEqual([`good-${edge}`]);
    expect(missing).toEqual([
      { process: `deaf-${edge}`, why: 'runs change 0 (call)' },
      { process: `old-${edge}`, why: 'holds against it: unsupported' },
    ]);
  });

  it('waits for the processes of the edge, however many others answer sooner', async () => {
    const stage = await start('busy');
    const { nats, reporter } = processes[0] ?? {};
    reporter?.stop();
    const name = `busy-${edge}`;
    nats?.connection.subscribe(REPORT_SUBJECT, {
      callback: (_error, message) => {
        const edges = [{ ...stageReportOf(stage), freshness: FRESH, evidence: [] }];
        const report = { service: 'tasks', instance: name, pid: 1, edges };
        setTimeout(() => message.respond(JSON.stringify(report)), 50);
      },
    });
    for (const instance of ['teams', 'projects'])
      operator.connection.subscribe(REPORT_SUBJECT, {
        callback: (_error, message) =>
          void message.respond(JSON.stringify({ service: instance, instance, pid: 1, edges: [] })),
      });
    const { inForce, missing } = await changeStage(operator.connection, changeOf());
    expect(inForce.map(({ process }) => process)).toEqual([name]);
    expect(missing).toEqual([]);
  });

  it('is made, for those that start later, when no process reports the edge', async () => {
    const { record, inForce, missing } = await changeStage(operator.connection, changeOf());
    expect([inForce, missing]).toEqual([[], []]);
    const stage = await start('later');
    await expect.poll(() => stage.running.changeId).toBe(record.changeId);
  });

  it('shows in the overview, which knows edges by their records and by their processes', async () => {
    await start('one');
    const own = async (): Promise<unknown> => {
      const reports = await collectReports(operator.connection, {
        waitMs: 20_000,
        instances: [`one-${edge}`],
      });
      return overviewsOf({ records: [], reports }).find((each) => each.edge === edge);
    };
    expect(await own()).toMatchObject({
      stage: 'call',
      change: 0,
      since: null,
      next: { stage: 'cache', outcome: 'pass' },
    });
    const { record } = await changeStage(operator.connection, changeOf());
    expect(await own()).toMatchObject({ stage: 'shadow', change: 1, processes: [{ inForce: true }] });
    expect(overviewsOf({ records: [record], reports: [] })).toMatchObject([
      { edge, stage: 'shadow', by: 'ann', ladder: null, next: null },
    ]);
  });

  it('is not disturbed by rubbish among the reports', async () => {
    await start('one');
    const rubbish = operator.connection.subscribe(REPORT_SUBJECT, {
      callback: (_error, message) => {
        message.respond('{"edges":"many"}');
      },
    });
    expect((await changeStage(operator.connection, changeOf())).inForce).toHaveLength(1);
    rubbish.unsubscribe();
  });
});
