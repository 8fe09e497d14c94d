import { decodeSubscriberReport, SUBSCRIBER_REPORT_SUBJECT, type SubscriberReport } from '@banyan/contracts';
import { BanyanError, nearestName } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { askAll } from '../ask.js';

/** How long to wait for reports, in ms. */
const REPORT_MS = 500;

/** One aggregate of one source. */
export interface Target {
  source: string;
  aggregate: string;
}

/** What is to be backfilled, and for whom. */
export interface Targets {
  targets: Target[];
  /** The subscribers that keep what was named; whoever reads the source, if an aggregate was named. */
  subscribers: string[];
}

export async function collectSubscribers(connection: NatsConnection): Promise<SubscriberReport[]> {
  const answers = await askAll(connection, SUBSCRIBER_REPORT_SUBJECT, REPORT_MS);
  return answers.map(decodeSubscriberReport).filter((report) => report !== undefined);
}

/**
 * What was meant by a replica's table, `subscriber/table`, or `source/aggregate`.
 * @throws BanyanError BANYAN_BACKFILL_UNREACHABLE if nobody keeps it
 */
export function findTargets(written: string, reports: readonly SubscriberReport[]): Targets {
  const all = reports.flatMap(({ subscriber, replicas }) =>
    replicas.map(({ table, aggregates }) => ({ subscriber, table, aggregates })),
  );
  const kept = all.filter(
    ({ subscriber, table }) => written === table || written === `${subscriber}/${table}`,
  );
  if (kept.length > 0) return targetsOf(kept);
  const [source, aggregate, ...rest] = written.split('/');
  if (source !== undefined && aggregate !== undefined && rest.length === 0) {
    return { targets: [{ source, aggregate }], subscribers: readersOf(source, reports) };
  }
  throw unknown(written, [...new Set(all.map(({ table }) => table))]);
}

/**
 * The subscriber that keeps a replica, named by its table or `subscriber/table`.
 * @throws BanyanError BANYAN_BACKFILL_UNREACHABLE if nobody keeps it, BANYAN_OPTION_INVALID if several do
 */
export function findKeeper(
  written: string,
  reports: readonly SubscriberReport[],
): { subscriber: string; table: string } {
  const all = reports.flatMap(({ subscriber, replicas }) =>
    replicas.map(({ table }) => ({ subscriber, table })),
  );
  const kept = all.filter(
    ({ subscriber, table }) => written === table || written === `${subscriber}/${table}`,
  );
  const [first] = kept;
  const names = [...new Set(kept.map(({ subscriber }) => subscriber))];
  if (first === undefined) throw unknown(written, [...new Set(all.map(({ table }) => table))]);
  if (names.length === 1) return first;
  throw new BanyanError(
    'BANYAN_OPTION_INVALID',
    `${names.join(' and ')} each keep a ${written}: write ${names[0] ?? ''}/${written}`,
  );
}

function targetsOf(kept: readonly { subscriber: string; aggregates: readonly Target[] }[]): Targets {
  const targets = kept
    .flatMap(({ aggregates }) => aggregates)
    .map((target) => [`${target.source}/${target.aggregate}`, target] as const);
  return {
    targets: [...new Map(targets).values()],
    subscribers: [...new Set(kept.map(({ subscriber }) => subscriber))],
  };
}

function readersOf(source: string, reports: readonly SubscriberReport[]): string[] {
  const readers = reports.filter(({ sources }) => sources.some((each) => each.source === source));
  return [...new Set(readers.map(({ subscriber }) => subscriber))];
}

function unknown(written: string, known: readonly string[]): BanyanError {
  const near = nearestName(written, known);
  const list = known.length === 0 ? 'no subscriber answers' : `subscribers keep ${known.join(', ')}`;
  const hint = near === undefined ? list : `did you mean ${near}?`;
  return new BanyanError(
    'BANYAN_BACKFILL_UNREACHABLE',
    `nobody keeps a replica ${JSON.stringify(written)}: ${hint}`,
    {
      remedy:
        'Name the table of a replica whose subscriber runs; `banyan backfill` also takes <source>/<aggregate>.',
    },
  );
}
