import type { BackfillReport } from '@banyan/contracts';
import { isBanyanError } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { behind, giveBackfill } from '../../backfill/backfill-client.js';
import { progressLine } from '../../backfill/progress.js';
import { findTargets, type Target, type Targets } from '../../backfill/targets.js';
import type { PlanAction } from '../../plan/plan.js';
import { waiting, type Found, type StepContext } from '../found.js';

/**
 * All rows of what a replica is made of are sent anew, one aggregate after the other, and applied. The work is the source's: it
 * goes on whatever becomes of this process, and one that somebody else has begun is as good.
 */
export async function lookAtBackfill(
  { replica }: Extract<PlanAction, { do: 'backfill' }>,
  context: StepContext,
): Promise<Found> {
  try {
    const targets = findTargets(replica, await context.world.subscribers());
    return await lookAtTargets(targets, context);
  } catch (error) {
    if (isBanyanError(error, 'BANYAN_BACKFILL_UNREACHABLE')) return waiting(error.rawMessage);
    if (isBanyanError(error, 'BANYAN_BACKFILL_REFUSED'))
      return { kind: 'failed', why: `${error.rawMessage}. ${error.remedy}` };
    throw error;
  }
}

async function lookAtTargets({ targets, subscribers }: Targets, context: StepContext): Promise<Found> {
  const { world, by } = context;
  for (const target of targets) {
    const report = await lastOf(world.connection, target, by);
    const found = judge(report, target, context);
    if (found !== undefined) return found;
    const late = report === undefined ? [] : behind(report, subscribers, await world.subscribers());
    if (late.length > 0)
      return waiting(`${late.join(', ')} has not applied all of ${target.source}/${target.aggregate}`);
  }
  return { kind: 'done' };
}

/** The last one of an aggregate; undefined: there was never any. */
async function lastOf(
  connection: NatsConnection,
  target: Target,
  by: string,
): Promise<BackfillReport | undefined> {
  try {
    return await giveBackfill(connection, target, { do: 'status', by });
  } catch (error) {
    if (isBanyanError(error, 'BANYAN_BACKFILL_REFUSED')) return undefined;
    throw error;
  }
}

/** Undefined: it is done and published. */
function judge(report: BackfillReport | undefined, target: Target, context: StepContext): Found | undefined {
  const { world, by, startedMs } = context;
  const start = async (): Promise<void> => {
    await giveBackfill(world.connection, target, { do: 'start', by });
  };
  if (report === undefined) return { kind: 'ready', why: 'it was never asked for', act: start };
  const { state, updatedAt, end } = report;
  const line = progressLine(report, undefined);
  if (state === 'running' || state === 'paused') return waiting(line);
  if (state === 'done') return end === undefined ? waiting(`${line}: waits for the relay`) : undefined;
  // One that ended badly before this walk is tried again; one that does so under its eyes is told of.
  if (Date.parse(updatedAt) < startedMs) return { kind: 'ready', why: `the last one ${state}`, act: start };
  const name = `${target.source}/${target.aggregate}`;
  return {
    kind: 'failed',
    why: `${line}. \`banyan backfill resume ${name}\` goes on, or \`banyan backfill ${name}\`.`,
  };
}
