import type { NatsConnection } from '@nats-io/nats-core';
import { systemClock } from '@banyan/runtime';
import { collectReports } from './collect-reports.js';
import { InForce, type ChangeInForce } from './in-force.js';
import { parseEdge } from './edge-name.js';
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

export interface StageChanged extends ChangeInForce {
  record: StageRecord;
}

/**
 * Changes an edge's stage and waits until every process that reports the edge runs the change. The change stands even if
 * some do not run it in time: they are named in `missing`.
 *
 * @throws BANYAN_STAGE_CONFLICT if the edge's last change is not the expected one
 * @throws BANYAN_SHARE_INVALID
 * @throws BANYAN_AUDIT_UNWRITABLE, and nothing is changed
 * @throws BANYAN_CONTROL_UNREACHABLE
 */
export async function changeStage(connection: NatsConnection, change: StageChange): Promise<StageChanged> {
  const { waitMs = 500, timeoutMs = 10_000 } = change;
  const edge = parseEdge(change.edge);
  const store = await StageStore.open(connection);
  const reportOf = ({ edges }: ProcessReport): EdgeReport | undefined =>
    edges.find((each) => each.edge === edge.text);
  const known = await collectReports(connection, { waitMs, brief: true });
  const highestSeen = Math.max(0, ...known.map((process) => reportOf(process)?.running.change ?? 0));
  const startedMs = systemClock.monotonicMs();
  const record = await store.write(edge, { ...change, highestSeen });
  const waiting = new InForce(known, { startedMs, reportOf, notYet: (report) => notYet(record, report) });
  await waiting.until(startedMs + timeoutMs, connection);
  return { record, inForce: waiting.inForce, missing: waiting.missing };
}

function notYet({ changeId }: StageRecord, { running, held }: EdgeReport): string | undefined {
  if (held?.changeId === changeId) return `holds against it: ${held.reason}`;
  if (running.changeId !== changeId) return `runs change ${running.change} (${running.stage})`;
  return running.persisted ? undefined : 'runs it, but has not got it on disk';
}
