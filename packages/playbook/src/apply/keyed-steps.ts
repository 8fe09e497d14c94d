import { createHash } from 'node:crypto';
import type { RunStepName } from '@banyan/control';
import { BanyanError, nearestName } from '@banyan/runtime';
import { PlanOrder } from '../plan/order.js';
import type { Plan, PlanStep } from '../plan/plan.js';

/** A step of a plan as a run knows it, however the file is changed around it. */
export type KeyedStep = PlanStep & Pick<RunStepName, 'key' | 'digest' | 'edge'>;

/** The steps of a plan with their keys: their words, numbered where a playbook says the same twice. */
export function keyedSteps({ steps }: Plan): KeyedStep[] {
  const seen = new Map<string, number>();
  return steps.map((step) => {
    const times = (seen.get(step.text) ?? 0) + 1;
    seen.set(step.text, times);
    const key = times === 1 ? step.text : `${step.text} (${times})`;
    const edge = 'edge' in step.action ? step.action.edge : null;
    return { ...step, key, digest: digest(step.action), edge };
  });
}

/** Of all that a plan says: two files that differ in comments and places only have one digest. */
export function planDigest(plan: Plan): string {
  const { name, edges, replicas, steps } = plan;
  const said = steps.map(({ action, after, id }) => ({ action, after, id }));
  return digest({ name, edges: [...edges], replicas: [...replicas], said });
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

/**
 * The step that was meant: by its id, its number in `banyan plan`, or its words.
 *
 * @throws BanyanError BANYAN_STEP_UNKNOWN with the nearest one
 */
export function findStep(steps: readonly KeyedStep[], written: string): KeyedStep {
  const wanted = written.trim();
  const found = steps.find(({ id, key, index }) => [id, key, String(index + 1)].includes(wanted));
  if (found !== undefined) return found;
  const known = steps.flatMap(({ id, key }) => (id === undefined ? [key] : [id, key]));
  const near = nearestName(wanted, known);
  const hint = near === undefined ? `there are ${steps.length}` : `did you mean ${near}?`;
  throw new BanyanError(
    'BANYAN_STEP_UNKNOWN',
    `${JSON.stringify(written)} is no step of the playbook: ${hint}`,
  );
}

/** What is to be walked of a plan. */
export interface Scope {
  /** Canonical text: the steps of this edge. */
  edge?: string | undefined;
  /** This step, and those above it in the file. */
  until?: KeyedStep | undefined;
}

/** The steps in a scope, and all that must be done before them, in the order of the file. */
export function stepsIn(plan: Plan, steps: readonly KeyedStep[], { edge, until }: Scope): KeyedStep[] {
  const wanted = steps
    .filter((step) => edge === undefined || step.edge === edge)
    .filter((step) => until === undefined || step.index <= until.index);
  const order = new PlanOrder(plan);
  const needed = new Set(wanted.flatMap((step) => order.before(step).map(({ index }) => index)));
  return steps.filter((step) => wanted.includes(step) || needed.has(step.index));
}

/** A scope in words; null: all of the plan. */
export function scopeText({ edge, until }: Scope): string | null {
  const parts = [edge, until === undefined ? undefined : `until ${until.key}`];
  return parts.filter((part) => part !== undefined).join(', ') || null;
}
