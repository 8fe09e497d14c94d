import type { Stage } from '@banyan/control';
import { traceOf, type Fault, type Rule } from '../fault.js';
import { lastMove } from '../order.js';
import type { Plan, PlanStep } from '../plan.js';
import { advances, edgeOf } from './ladder.js';

/** At these stages the replica is asked. */
const ASKS_REPLICA: ReadonlySet<Stage> = new Set(['shadow', 'prefer-replica', 'replica']);

/** At these stages an edge holds without its provider. */
export const WITHOUT_PROVIDER: ReadonlySet<Stage> = new Set(['prefer-replica', 'replica', 'event']);

/** A replica has all rows before it is asked: what never changed since the outbox began is in no event. */
export const backfilledFirst: Rule = (plan, order) =>
  advances(plan).flatMap(({ step, action, edge }): Fault[] => {
    if (
      !ASKS_REPLICA.has(action.to) ||
      ASKS_REPLICA.has(lastMove(order.before(step), edge.name)?.to ?? edge.floor)
    )
      return [];
    const { replica } = edge;
    if (replica === undefined)
      return [
        {
          kind: 'no-replica',
          at: step.at,
          message: `${edge.name} has no replica, and ${action.to} asks it`,
          trace: traceOf(order.runTo(step), 'there is nothing to ask'),
          remedy: 'Name its replica under `edges`, and the replica under `replicas`.',
        },
      ];
    const filled = order
      .before(step)
      .some((each) => each.action.do === 'backfill' && each.action.replica === replica);
    if (filled) return [];
    return [
      {
        kind: 'not-backfilled',
        at: step.at,
        message: `${edge.name} may reach ${action.to} before ${replica} is backfilled`,
        trace: traceOf(
          order.runTo(step),
          `${replica} lacks every row that has not changed since its source emits`,
        ),
        remedy: `Add a step \`backfill: ${replica}\`, and name it in this step's \`after\`.`,
      },
    ];
  });

/** Whoever is to do the effect from `dual` on must be there first. */
export const receiverFirst: Rule = (plan, order) =>
  advances(plan).flatMap(({ step, action, edge }): Fault[] => {
    if (action.to !== 'dual') return [];
    const ready = order
      .before(step)
      .some((each) => each.action.do === 'receive' && each.action.edge === edge.name);
    if (ready) return [];
    return [
      {
        kind: 'receiver-not-ready',
        at: step.at,
        message: `${edge.name} may reach dual before its receiver has a position`,
        trace: traceOf(
          order.runTo(step),
          'an event that is emitted now, and whose call is lost, is never done',
        ),
        remedy: `Add a step \`receive: ${edge.name}\` before it.`,
      },
    ];
  });

/** Without the provider only replicas and events go on; to cut it off before is an outage, not a rehearsal. */
export const rehearsedInTime: Rule = (plan, order) =>
  plan.steps.flatMap((step) => {
    const { action } = step;
    if (action.do !== 'rehearse') return [];
    const stage = lastMove(order.before(step), action.edge)?.to ?? edgeOf(plan, action.edge).floor;
    if (WITHOUT_PROVIDER.has(stage)) return [];
    return [
      {
        kind: 'rehearsed-too-early',
        at: step.at,
        message: `${action.edge} may still be at ${stage} when its provider is cut off`,
        trace: traceOf(order.runTo(step), `every call at ${stage} fails until the rehearsal ends`),
        remedy: 'Rehearse at prefer-replica, replica or event.',
      },
    ];
  });

/**
 * Replicas whose handlers call edges that are answered by replicas only, in a circle: none of them can be filled anew, for
 * each waits for another.
 */
export const noCircleOfReplicas: Rule = (plan, order) => {
  const atTop = new Map<string, PlanStep>();
  for (const { step, action, edge } of advances(plan))
    if (action.to === 'replica' && edge.kind === 'query') atTop.set(edge.name, step);
  const found = circleOf(plan, atTop);
  if (found === undefined) return [];
  const steps = found.flatMap(({ edge }) => atTop.get(edge) ?? []);
  const names = found.map(({ replica }) => replica);
  const run = order.runTo(...steps);
  return [
    {
      kind: 'replicas-need-each-other',
      at: steps.at(-1)?.at ?? plan.file,
      message: `${names.join(' and ')} cannot be filled without each other`,
      trace: traceOf(
        run,
        names
          .map((name, i) => `to fill ${name} one needs ${names[(i + 1) % names.length] ?? name}`)
          .join(', '),
      ),
      remedy: `Leave one of ${found.map(({ edge }) => edge).join('; ')} at prefer-replica, or fill one without calls.`,
    },
  ];
};

interface Link {
  replica: string;
  /** What its handlers call, answered by the next link's replica only. */
  edge: string;
}

function circleOf(plan: Plan, atTop: ReadonlyMap<string, PlanStep>): Link[] | undefined {
  const follow = (replica: string, path: readonly Link[]): Link[] | undefined => {
    const start = path.findIndex((link) => link.replica === replica);
    if (start >= 0) return path.slice(start);
    for (const edge of plan.replicas.get(replica)?.needs ?? []) {
      const next = atTop.has(edge) ? plan.edges.get(edge)?.replica : undefined;
      const found = next === undefined ? undefined : follow(next, [...path, { replica, edge }]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  for (const replica of plan.replicas.keys()) {
    const found = follow(replica, []);
    if (found !== undefined) return found;
  }
  return undefined;
}
