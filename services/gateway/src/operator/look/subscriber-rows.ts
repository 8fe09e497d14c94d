import type { SubscribedSource, SubscriberReport } from '@banyan/contracts';
import type { ProcessReport } from '@banyan/control';
import type { SubscriberRow } from '../wire.js';
import type { Rates } from './rates.js';

interface SubscriberContext {
  processes: readonly ProcessReport[];
  rates: Rates;
  nowMs: number;
}

/** Each subscriber instance at each of its sources, by name. */
export function subscriberRows(
  reports: readonly SubscriberReport[],
  context: SubscriberContext,
): SubscriberRow[] {
  const rows = reports.flatMap((report) => report.sources.map((source) => rowOf(report, source, context)));
  const order = ({ name, source, instance }: SubscriberRow): string => `${name} ${source} ${instance}`;
  return rows.sort((a, b) => order(a).localeCompare(order(b)));
}

function rowOf(
  report: SubscriberReport,
  { source, positions, lagPositions, stalenessMs, parkedKeys }: SubscribedSource,
  { processes, rates, nowMs }: SubscriberContext,
): SubscriberRow {
  const { subscriber: name, instance, state, because } = report;
  const appliedN = positions.length === 0 ? undefined : Math.max(...positions.map(({ n }) => n));
  return {
    ...{ name, service: serviceOf(report, processes), instance, state, source },
    ...(because === undefined ? {} : { because }),
    lagPositions: lagPositions ?? null,
    stalenessMs: stalenessMs ?? null,
    rate: appliedN === undefined ? null : rates.note(`subscriber ${instance} ${source}`, appliedN, nowMs),
    parkedKeys: parkedKeys ?? 0,
  };
}

/** That of the process that it lives in, if that reports edges or flags too. */
function serviceOf({ host, pid }: SubscriberReport, processes: readonly ProcessReport[]): string {
  const own = processes.find((each) => each.pid === pid && each.instance.startsWith(`${host}-`));
  return own?.service ?? '';
}
