import { LADDERS, type EdgeReport, type Stage } from '@banyan/control';
import type { PlanAction } from '../../plan/plan.js';
import { edgeOf } from '../../plan/rules/ladder.js';
import { waiting, type Found, type StepContext } from '../found.js';

/** Whoever is to do a reaction's effect reads its events, and has a position. */
export async function lookAtReceiver(
  { edge }: Extract<PlanAction, { do: 'receive' }>,
  { world }: StepContext,
): Promise<Found> {
  const reports = await world.reportsOf(edge);
  const receivers = reports.flatMap(({ instance, report }) =>
    report.kind === 'reaction' && report.side === 'receiver' ? [{ instance, reading: report.reading }] : [],
  );
  if (receivers.length === 0) return waiting(`no receiver reports ${edge}`);
  const missing = receivers.flatMap(({ instance, reading }) => {
    if (reading === null) return [`${instance} does not read the edge’s events`];
    return reading.asOfMs === null ? [`the subscriber of ${instance} has no position yet`] : [];
  });
  return missing.length === 0 ? { kind: 'done' } : waiting(...missing);
}

/** Every process of the edge is deployed with this floor, or a higher one. */
export async function lookAtFloor(
  { edge, to }: Extract<PlanAction, { do: 'floor' }>,
  { world, plan }: StepContext,
): Promise<Found> {
  const ladder: readonly Stage[] = LADDERS[edgeOf(plan, edge).kind];
  const reports = await world.reportsOf(edge);
  if (reports.length === 0) return waiting(`no process reports ${edge}`);
  const isBelow = ({ stages: [floor] }: EdgeReport): boolean => ladder.indexOf(floor) < ladder.indexOf(to);
  const missing = reports
    .filter(({ report }) => isBelow(report))
    .map(({ instance, report }) => `${instance} is deployed with the floor ${report.stages[0]}`);
  return missing.length === 0 ? { kind: 'done' } : waiting(...missing);
}
