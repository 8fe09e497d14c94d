import type { Stage } from '@banyan/control';
import { traceOf, type Fault, type Rule } from '../fault.js';
import { lastMove, type PlanOrder } from '../order.js';
import type { Plan, PlanAction, PlanEdge, PlanStep } from '../plan.js';

type Advance = Extract<PlanAction, { do: 'advance' }>;

/** An edge advances stage by stage: each gathers the evidence for the next. */
export const stageByStage: Rule = (plan, order) =>
  advances(plan).flatMap(({ step, action, edge }): Fault[] => {
    const before = lastMove(order.before(step), edge.name);
    const from = before?.to ?? edge.floor;
    const share = before?.do === 'advance' ? before.share : 100;
    if (action.to === from && share < 100) return shareFault({ step, action, share, order });
    const next = share < 100 ? from : edge.ladder[edge.ladder.indexOf(from) + 1];
    if (action.to === next) return [];
    const goal = next === undefined ? `${from} is its highest stage` : `the next one is ${next}`;
    const whole = share < 100 ? `it stands at ${from} for ${share} % of the keys only` : goal;
    return [
      {
        kind: 'skipped-stage',
        at: step.at,
        message: `${edge.name} cannot advance from ${from} to ${action.to}: ${whole}`,
        trace: traceOf(order.runTo(step), `refused: ${whole}`),
        remedy: `Put the stages between as steps of their own; the ladder is ${edge.ladder.join(', ')}.`,
      },
    ];
  });

function shareFault(seen: { step: PlanStep; action: Advance; share: number; order: PlanOrder }): Fault[] {
  const { step, action, share, order } = seen;
  if (action.share > share) return [];
  const what = `keys that are at ${action.to} would move back: the share falls from ${share} % to ${action.share} %`;
  return [
    {
      kind: 'share-not-risen',
      at: step.at,
      message: `${action.edge}: ${what}`,
      trace: traceOf(order.runTo(step), what),
      remedy: 'Let shares rise only; to take keys back, use a step `back`.',
    },
  ];
}

/** Nothing goes below the floor that an edge may have by then. */
export const notBelowTheFloor: Rule = (plan, order) =>
  plan.steps.flatMap((step) => {
    const { action } = step;
    if (action.do !== 'back') return [];
    const edge = edgeOf(plan, action.edge);
    const raised = order
      .mayPrecede(step)
      .filter((each) => each.action.do === 'floor' && each.action.edge === action.edge);
    const floors: { to: Stage; by: PlanStep[] }[] = [
      { to: edge.floor, by: [] },
      ...raised.flatMap((by) => (by.action.do === 'floor' ? [{ to: by.action.to, by: [by] }] : [])),
    ];
    const broken = floors.find(({ to }) => edge.ladder.indexOf(action.to) < edge.ladder.indexOf(to));
    if (broken === undefined) return [];
    const run =
      broken.by.length === 0
        ? order.runTo(step)
        : [...order.runTo(...broken.by), ...later(order, step, broken.by)];
    return [
      {
        kind: 'below-the-floor',
        at: step.at,
        message: `${action.edge} cannot go back to ${action.to}: its floor is ${broken.to} by then`,
        trace: traceOf(run, `every process refuses ${action.to}, below its floor ${broken.to}`),
        remedy: 'Do this before the floor is raised, or go back to the floor at most.',
      },
    ];
  });

/** What is still to be done for a step once others are done. */
function later(order: PlanOrder, step: PlanStep, done: readonly PlanStep[]): PlanStep[] {
  const before = new Set(order.runTo(...done));
  return order.runTo(step).filter((each) => !before.has(each));
}

/** An edge ends where its owner wants it. */
export const targetsReached: Rule = (plan, order) =>
  [...plan.edges.values()].flatMap(({ name, target, floor }) => {
    const moves = plan.steps.filter(({ action }) => 'edge' in action && action.edge === name);
    const last = lastMove(moves, name);
    const end = last?.to ?? floor;
    const share = last?.do === 'advance' ? last.share : 100;
    if (target === undefined || (end === target && share === 100)) return [];
    const where = share < 100 ? `${end} for ${share} % of its keys` : end;
    return [
      {
        kind: 'target-not-reached',
        at: moves.at(-1)?.at ?? plan.file,
        message: `${name} ends at ${where}, and its target is ${target}`,
        trace: traceOf(order.runTo(...moves.slice(-1)), `the plan ends with ${name} at ${where}`),
        remedy: 'Add the steps that are missing, or set another target.',
      },
    ];
  });

interface FoundAdvance {
  step: PlanStep;
  action: Advance;
  edge: PlanEdge;
}

export function advances(plan: Plan): FoundAdvance[] {
  return plan.steps.flatMap((step) => {
    const { action } = step;
    return action.do === 'advance' ? [{ step, action, edge: edgeOf(plan, action.edge) }] : [];
  });
}

export function edgeOf(plan: Plan, name: string): PlanEdge {
  const edge = plan.edges.get(name);
  if (edge === undefined) throw new Error(`the plan has no edge ${name}`);
  return edge;
}
