import type { NatsConnection } from '@nats-io/nats-core';
import { systemClock } from '@banyan/runtime';
import { collectReports } from '../collect-reports.js';
import { InForce, type ChangeInForce } from '../in-force.js';
import type { ProcessReport } from '../report.js';
import type { FlagRecord } from './flag-record.js';
import type { FlagReport } from './flag-set.js';
import { FlagStore, type FlagWrite } from './flag-store.js';

export interface FlagChange extends Omit<FlagWrite, 'highestSeen'> {
  flag: string;
  /** How long to wait for the processes to run it, in ms; default 10000. */
  timeoutMs?: number;
  /** How long to wait for processes to make themselves known beforehand, in ms; default 500. */
  waitMs?: number;
}

export interface FlagChanged extends ChangeInForce {
  record: FlagRecord;
}

/**
 * Changes a flag and waits until every process that reports flags runs the change. The change stands even if some do not
 * run it in time: they are named in `missing`.
 *
 * @throws BANYAN_STAGE_CONFLICT if the flag's last change is not the expected one
 * @throws BANYAN_AUDIT_UNWRITABLE, and nothing is changed
 * @throws BANYAN_CONTROL_UNREACHABLE
 */
export async function changeFlag(connection: NatsConnection, change: FlagChange): Promise<FlagChanged> {
  const { flag, waitMs = 500, timeoutMs = 10_000 } = change;
  const store = await FlagStore.open(connection);
  const known = await collectReports(connection, { waitMs, brief: true });
  const reportOf = ({ flags }: ProcessReport): FlagReport | 'none' | undefined =>
    flags === undefined ? undefined : (flags.find((each) => each.flag === flag) ?? 'none');
  const seen = known.map(reportOf).map((report) => (typeof report === 'object' ? report.change : 0));
  const startedMs = systemClock.monotonicMs();
  const record = await store.write(flag, { ...change, highestSeen: Math.max(0, ...seen) });
  const waiting = new InForce(known, { startedMs, reportOf, notYet: (report) => notYet(record, report) });
  await waiting.until(startedMs + timeoutMs, connection);
  return { record, inForce: waiting.inForce, missing: waiting.missing };
}

function notYet({ changeId }: FlagRecord, report: FlagReport | 'none'): string | undefined {
  if (report === 'none') return 'does not know the flag';
  if (report.changeId !== changeId) return `runs change ${report.change}`;
  return report.persisted ? undefined : 'runs it, but has not got it on disk';
}
