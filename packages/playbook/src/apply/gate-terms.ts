import {
  defaultTerms,
  type EdgeKind,
  type GatedEdge,
  type GateOptions,
  type GateTerms,
  type GateTermsFor,
} from '@banyan/control';
import { compare, standingOf, targetOf } from './drift.js';
import { keyedSteps, type KeyedStep } from './keyed-steps.js';
import type { Plan } from '../plan/plan.js';

/** By which settings the gate before a step judges: the step's own, over those that are asked besides. */
export function termsOf({ action, key }: KeyedStep, besides: GateOptions = {}): GateTerms {
  if (action.do === 'retire') return { gate: { ...besides, retireQuietMs: action.quietMs }, from: key };
  if (action.do !== 'advance') return { gate: {}, from: 'defaults' };
  return { gate: { ...besides, ...action.gate }, from: key };
}

/**
 * By which settings the next gate of each edge judges: those of the edge's next step up in a playbook, which is the first that
 * leads above where the edge stands; the defaults for an edge that the playbook takes no further. So a look at an edge and
 * `banyan apply` judge alike.
 */
export function termsIn(plan: Plan): GateTermsFor {
  const steps = keyedSteps(plan);
  return (edge) => {
    const kind = plan.edges.get(edge.edge)?.kind;
    const next = kind === undefined ? undefined : (nextUp(steps, kind, edge) ?? retiring(steps, plan, edge));
    return next === undefined ? defaultTerms(edge) : termsOf(next);
  };
}

function nextUp(steps: readonly KeyedStep[], kind: EdgeKind, edge: GatedEdge): KeyedStep | undefined {
  const standing = standingOf(edge);
  return steps.find((step) => {
    const target = step.edge === edge.edge && step.action.do === 'advance' ? targetOf(step) : undefined;
    return target !== undefined && compare(kind, target, standing) > 0;
  });
}

/** What leads on where no move does. */
function retiring(
  steps: readonly KeyedStep[],
  plan: Plan,
  { edge, stage }: GatedEdge,
): KeyedStep | undefined {
  if (stage === 'retired') return undefined;
  const method = plan.edges.get(edge)?.method;
  return steps.find(({ action }) => action.do === 'retire' && action.method === method);
}
