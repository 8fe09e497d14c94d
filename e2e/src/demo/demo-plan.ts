import { join } from 'node:path';
import { readPlan, type Plan, type PlanStep } from '@banyan/playbook';
import { ROOT } from '../root.js';

/** How sure the gates have to be, and how long each step is looked at. */
export interface Pace {
  /** The share of the answers that may differ, of which the gates have to be sure. */
  maxDisagreement: number;
  /** Effects that must have been seen before calls go: rare ones come once a second here. */
  minReactions: number;
  soakMs: number;
}

/** The playbook of the three services, at another pace than it says: its steps and their order are what is written there. */
export function demoPlan(pace: Pace): Plan {
  const plan = readPlan(join(ROOT, 'playbooks/teams-projects-tasks.yaml'));
  return { ...plan, steps: plan.steps.map((step) => atPace(step, pace)) };
}

function atPace(step: PlanStep, { soakMs, ...gate }: Pace): PlanStep {
  const { action } = step;
  if (action.do !== 'advance') return step;
  return { ...step, action: { ...action, soakMs, gate: { ...action.gate, ...gate } } };
}
