import type { Plan } from './plan.js';
import { readPlaybook } from './read-playbook.js';
import { resolvePlan } from './resolve-plan.js';

/**
 * A playbook as a plan: names resolved, defaults filled in. Whether it is sound is another question: `applyPlan` asks it.
 *
 * @throws BanyanError BANYAN_PLAYBOOK_INVALID with file, line and what is wrong there
 */
export function readPlan(file: string): Plan {
  return resolvePlan(readPlaybook(file));
}
