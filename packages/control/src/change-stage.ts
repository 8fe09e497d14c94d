import type { NatsConnection } from '@nats-io/nats-core';
import { systemClock, wait } from '@banyan/runtime';
import { collectReports } from './collect-reports.js';
import { parseEdge, type EdgeName } from './edge-name.js';
import type { EdgeReport, ProcessReport } from './report.js';
import type { StageRecord } from './stage-record.js';
import { StageStore, type StageWrite } from './stage-store.js';

export interface StageChange extends Omit<StageWrite, 'highestSeen'> {
  edge: string;
  /** How long to wait for the processes to run it, in ms; default 10000. */
  timeoutMs?: number;
  /** How long to wait for processes to make themselves known beforehand, in ms; default 500. */
  waitMs?: number;
}

export interface StageChanged {
  record: StageRecord;
  /** The processes that run the change and have it on disk, each with the time from the write until it was seen to, in ms. */
  inForce: { process: string; ms: number }[];
  /** The processes known to have the edge that did not run it in time, and what is known of them. */
  missing: { process: string; why: string }[];
}

/**
 * Changes an edge's stage and waits until every process that reports the edge runs the change. The change stands even if
 * some do not run it in time: they are named in `missing`.
 *
 * @throws BANYAN_STAGE_CONFLICT if the edge's last change is not the expected one
 * @throws BANYAN_SHARE_INVALID
 * @throws BANYAN_CONTROL_UNREACHABLE
 */
export async function changeStage(connection: NatsConnection, change: StageChange): Promise<StageChanged> {
  const { waitMs = 500, timeoutMs = 10_000 } = change;
  const edge = parseEdge(change.edge);
  const store = await StageStore.open(connection);
  const known = processesOf(edge, await collectReports(connection, { waitMs, brief: true }));
  const highestSeen = Math.max(0, ...[...known.values()].map((report) => report.running.change));
  const startedMs = systemClock.monotonicMs();
  const record = await store.write(edge, { ...change, highestSeen });
  const waiting = new Waiting(record, known, startedMs);
  await waiting.until(startedMs + timeoutMs, connection);
  return { record, inForce: waiting.inForce, missing: waiting.missing };
}

function processesOf(edge: EdgeName, reports: readonly ProcessReport[]): Map<string, EdgeReport> {
  const found = new Map<string, EdgeReport>();
  for (const { instance, edges } of reports) {
    const report = edges.find((each) => each.edge === edge.text);
    if (report !== undefined) found.set(instance, report);
  }
  return found;
}

/** Which processes run the change already, and what the others last said. */
class Waiting {
  readonly inForce: StageChanged['inForce'] = [];
  readonly #left = new Map<string, string>();
  readonly #record: StageRecord;
  readonly #edge: EdgeName;
  readonly #startedMs: number;

  constructor(record: StageRecord, known: ReadonlyMap<string, EdgeReport>, startedMs: number) {
    this.#record = record;
    this.#edge = parseEdge(record.edge);
    this.#startedMs = startedMs;
    for (const process of known.keys()) this.#left.set(process, 'has not answered since the change');
  }

  get missing(): StageChanged['missing'] {
    return [...this.#left].map(([process, why]) => ({ process, why }));
  }

  /** Asks again and again, at first every few ms: most changes are in force at once. */
  async until(deadlineMs: number, connection: NatsConnection): Promise<void> {
    let pauseMs = 2;
    let answering = this.#left.size;
    while (this.#left.size > 0 && systemClock.monotonicMs() < deadlineMs) {
      const reports = await collectReports(connection, { waitMs: 250, expect: answering, brief: true });
      answering = Math.max(1, reports.length);
      this.#note(processesOf(this.#edge, reports));
      await wait(this.#left.size === 0 ? 0 : pauseMs);
      pauseMs = Math.min(250, pauseMs * 1.5);
    }
  }

  #note(reports: ReadonlyMap<string, EdgeReport>): void {
    const ms = Math.round(systemClock.monotonicMs() - this.#startedMs);
    for (const process of [...this.#left.keys()]) {
      const report = reports.get(process);
      if (report === undefined) continue;
      const why = this.#notYet(report);
      if (why !== undefined) this.#left.set(process, why);
      else if (this.#left.delete(process)) this.inForce.push({ process, ms });
    }
  }

  #notYet({ running, held }: EdgeReport): string | undefined {
    if (held?.changeId === this.#record.changeId) return `holds against it: ${held.reason}`;
    if (running.changeId !== this.#record.changeId) return `runs change ${running.change} (${running.stage})`;
    return running.persisted ? undefined : 'runs it, but has not got it on disk';
  }
}
