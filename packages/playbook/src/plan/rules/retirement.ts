import type { Stage } from '@banyan/control';
import { traceOf, type Fault, type Rule } from '../fault.js';
import { lastMove, type PlanOrder } from '../order.js';
import type { Plan, PlanEdge, PlanStep } from '../plan.js';

const TOP: Readonly<Record<PlanEdge['kind'], Stage>> = { query: 'replica', reaction: 'event' };

type Check = (edge: PlanEdge, step: PlanStep, order: PlanOrder) => Fault[];

/** Nobody may be left who calls a method that is retired. */
export const noCallersLeft = onRetire((edge, step, order) => {
  const move = lastMove(order.before(step), edge.name);
  const stage = move?.to ?? edge.floor;
  const share = move?.do === 'advance' ? move.share : 100;
  if (stage === TOP[edge.kind] && share === 100) return [];
  const where = share < 100 ? `${stage} for ${share} % of its keys only` : stage;
  return [
    {
      kind: 'retired-under-callers',
      at: step.at,
      message: `${edge.name} may still be at ${where} when ${edge.method} is retired`,
      trace: traceOf(order.runTo(step), `${edge.name} calls a tombstone`),
      remedy: `Advance it to ${TOP[edge.kind]} first, and name that step in \`after\`.`,
    },
  ];
});

/** Nor may a guard or an operator be able to take an edge back to calls that nobody answers. */
export const noWayBackToCalls = onRetire((edge, step, order) => {
  const floors = order
    .before(step)
    .flatMap(({ action }) => (action.do === 'floor' && action.edge === edge.name ? [action.to] : []));
  if ([edge.floor, ...floors].includes(TOP[edge.kind])) return [];
  const below = edge.ladder[edge.ladder.indexOf(TOP[edge.kind]) - 1] ?? 'call';
  return [
    {
      kind: 'retired-with-a-way-back',
      at: step.at,
      message: `${edge.name} can still go back to ${below} once ${edge.method} is retired`,
      trace: traceOf(order.runTo(step), `back ${edge.name} to ${below}: it calls a tombstone`),
      remedy: `Deploy its processes with the floor ${TOP[edge.kind]}, and put \`floor: ${edge.name}\` before.`,
    },
  ];
});

/** That an edge holds without its provider is shown while the provider can still come back. */
export const rehearsedBefore = onRetire((edge, step, order) => {
  const rehearsed = order
    .before(step)
    .some(({ action }) => action.do === 'rehearse' && action.edge === edge.name);
  if (rehearsed) return [];
  return [
    {
      kind: 'retired-unrehearsed',
      at: step.at,
      message: `nobody has seen ${edge.name} hold without ${edge.method} before that is retired`,
      trace: traceOf(
        order.runTo(step),
        `${edge.name} meets its provider's absence for the first time, for good`,
      ),
      remedy: `Add a step \`rehearse: ${edge.name}\` before it.`,
    },
  ];
});

function onRetire(check: Check): Rule {
  return (plan, order) =>
    retirements(plan).flatMap(({ step, edges }) => edges.flatMap((edge) => check(edge, step, order)));
}

function retirements(plan: Plan): { step: PlanStep; edges: PlanEdge[] }[] {
  return plan.steps.flatMap((step) => {
    const { action } = step;
    if (action.do !== 'retire') return [];
    return [{ step, edges: [...plan.edges.values()].filter(({ method }) => method === action.method) }];
  });
}
