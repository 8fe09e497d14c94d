import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  noComparisons,
  noFallbacks,
  Reporter,
  stageReportOf,
  StageWatch,
  type ChangeEvidence,
  type CutReport,
  type EdgeStage,
  type EdgeTask,
  type QueryEdgeReport,
  type QueryStage,
} from '@banyan/control';
import type { NatsConnection } from '@nats-io/nats-core';

const NO_TIMES = { count: 0, p50: 0, p99: 0, max: 0 };

/** A process with one query edge, which reports of it what a test says that it measured. */
export class ReportedEdge {
  readonly name: string;
  readonly stage: EdgeStage<'query'>;
  /** Parts of the evidence under the present change. */
  measured: Partial<ChangeEvidence> = {};
  /** What operators asked of it, in a rehearsal: no call of it needs its provider. */
  readonly tasks: EdgeTask[] = [];
  readonly #watch: StageWatch;
  readonly #reporter: Reporter;
  readonly #folder = mkdtempSync(join(tmpdir(), 'banyan-edge-'));

  constructor(
    connection: NatsConnection,
    name: string,
    stages: readonly QueryStage[] = ['call', 'shadow', 'prefer-replica', 'replica'],
  ) {
    this.name = name;
    this.#watch = new StageWatch({ connection, stateDir: this.#folder });
    this.stage = this.#watch.edge({ edge: name, stages });
    const edges = [{ report: () => this.#report(), perform: (task: EdgeTask) => this.#perform(task) }];
    this.#reporter = new Reporter({ connection, service: this.stage.name.caller, edges });
  }

  async start(): Promise<void> {
    this.#watch.start();
    await this.#reporter.start();
  }

  async stop(): Promise<void> {
    this.#reporter.stop();
    await this.#watch.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #perform(task: EdgeTask): Promise<CutReport> {
    this.tasks.push(task);
    const id = 'id' in task ? task.id : '';
    return Promise.resolve({ id, isCut: false, open: 0, calls: 42, failed: 0, cut: 0 });
  }

  #report(): QueryEdgeReport {
    const { change, changeId, stage } = this.stage.running;
    const counts = { calls: { ok: 42, failed: 0, byReplica: 0 }, comparisons: noComparisons() };
    const times = { latencyMs: NO_TIMES, lateMs: NO_TIMES, fallbacks: noFallbacks() };
    const evidence = { ...counts, ...times, counterexamples: [], ...this.measured };
    return {
      ...stageReportOf(this.stage),
      freshness: { asOfMs: 1, stalenessMs: 120, budgetMs: 2_000, fresh: true },
      evidence: [{ change, changeId, stage, ...evidence }],
    };
  }
}
