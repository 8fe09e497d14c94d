import { traceOf, type Fault, type Rule } from './fault.js';
import { PlanOrder } from './order.js';
import type { Plan } from './plan.js';
import { notBelowTheFloor, stageByStage, targetsReached } from './rules/ladder.js';
import { backfilledFirst, noCircleOfReplicas, receiverFirst, rehearsedInTime } from './rules/readiness.js';
import { noCallersLeft, noWayBackToCalls, rehearsedBefore } from './rules/retirement.js';

const RULES: readonly Rule[] = [
  stageByStage,
  backfilledFirst,
  receiverFirst,
  noCircleOfReplicas,
  notBelowTheFloor,
  rehearsedInTime,
  noCallersLeft,
  noWayBackToCalls,
  rehearsedBefore,
  targetsReached,
];

/**
 * Checks a plan as transitions, before any of it runs: not whether its end is good, but whether every order in which its
 * steps may come, and every way back from there, is. A step is judged by what is *certain* to be done before it; whatever
 * else may have happened by then must not matter. The trace of a fault is a shortest run that shows it.
 */
export function checkPlan(plan: Plan): Fault[] {
  const order = new PlanOrder(plan);
  const circle = order.circle();
  if (circle !== undefined) {
    return [
      {
        kind: 'circle',
        at: circle[0]?.at ?? plan.file,
        message: `${circle.length} steps wait for each other: none of them can ever run`,
        trace: traceOf([...circle].reverse(), `which waits for ${circle.at(-1)?.text ?? 'the first'} again`),
        remedy:
          'Take one of them out of the `after` of another. Steps of one edge follow each other by themselves.',
      },
    ];
  }
  return RULES.flatMap((rule) => rule(plan, order));
}
