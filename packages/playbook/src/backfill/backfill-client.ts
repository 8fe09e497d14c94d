import {
  backfillSubjectOf,
  hasApplied,
  type BackfillReport,
  type BackfillTask,
  type SubscriberReport,
} from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { giveTo } from '../ask.js';
import type { Target } from './targets.js';

/** A task without the aggregate that it is about. */
export type TaskOf = BackfillTask extends infer Each
  ? Each extends BackfillTask
    ? Omit<Each, 'aggregate'>
    : never
  : never;

/** Gives a process of the source a task. @throws BanyanError BANYAN_BACKFILL_UNREACHABLE if none listens */
export async function giveBackfill(
  connection: NatsConnection,
  { source, aggregate }: Target,
  task: TaskOf,
): Promise<BackfillReport> {
  if (!/^[a-z][a-z0-9_-]*$/.test(source))
    throw new BanyanError('BANYAN_OPTION_INVALID', `${JSON.stringify(source)} is no source's name`);
  const report = await giveTo<BackfillReport>(connection, backfillSubjectOf(source), { ...task, aggregate });
  if (report !== undefined) return report;
  throw new BanyanError('BANYAN_BACKFILL_UNREACHABLE', `no process of ${source} takes backfills`);
}

/** Names the subscribers that have not yet applied all of a backfill that is done. */
export function behind(
  report: BackfillReport,
  subscribers: readonly string[],
  reports: readonly SubscriberReport[],
): string[] {
  return subscribers.filter((name) => {
    const own = reports.filter(({ subscriber }) => subscriber === name);
    // Any instance may tell: they all look at the same positions.
    return !own.some(({ sources }) => hasApplied(report, sources));
  });
}
