import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkPlan } from './check-plan.js';
import { FAULT_KINDS, type Fault } from './fault.js';
import { parsePlaybook, readPlaybook } from './read-playbook.js';
import { resolvePlan } from './resolve-plan.js';

const BAD_PLANS = fileURLToPath(new URL('bad-plans', import.meta.url));
const GOOD_PLAN = fileURLToPath(new URL('../../../../playbooks/teams-projects-tasks.yaml', import.meta.url));

const check = (text: string): Fault[] => checkPlan(resolvePlan(parsePlaybook(text, 'plan.yaml')));

/** The trace that a bad plan says of itself, in the comments at its beginning. */
function expectedTrace(text: string): string[] {
  return [...text.matchAll(/^# {3}(.+)$/gm)].map(([, line = '']) => line);
}

describe('a plan', () => {
  it('of the three services is sound, and moves all seven edges', () => {
    const plan = resolvePlan(readPlaybook(GOOD_PLAN));
    expect(checkPlan(plan)).toEqual([]);
    expect([...plan.edges.values()].map(({ target }) => target)).toEqual([
      ...['replica', 'replica', 'replica', 'replica'],
      ...['event', 'event', 'event'],
    ]);
  });

  it.each(FAULT_KINDS)('is refused for %s, with a shortest run that shows it', (kind) => {
    const text = readFileSync(`${BAD_PLANS}/${kind}.yaml`, 'utf8');
    const faults = check(text);
    expect(faults.map((fault) => fault.kind)).toEqual([kind]);
    expect(faults[0]?.trace).toEqual(expectedTrace(text));
    expect(faults[0]?.at).toMatch(/^plan\.yaml:\d+$/);
  });

  it('is refused for nothing else: each bad plan is about one kind of fault', () => {
    expect(readdirSync(BAD_PLANS).sort()).toEqual([...FAULT_KINDS].sort().map((kind) => `${kind}.yaml`));
  });

  it('may retire a method once all its callers hold without it, and cannot go back to it', () => {
    const text = readFileSync(`${BAD_PLANS}/retired-unrehearsed.yaml`, 'utf8');
    const rehearsed = text.replace(
      /( {2}- advance: (tasks -> projects.GetProject)\n {4}to: replica\n)/,
      '  - rehearse: $2\n$1',
    );
    expect(check(rehearsed)).toEqual([]);
  });

  it('is judged by what is certain to be done before a step, not by the order in the file', () => {
    const backfilled = readFileSync(`${BAD_PLANS}/not-backfilled.yaml`, 'utf8');
    expect(check(backfilled)).toHaveLength(1);
    const named = backfilled.replace(
      /to: shadow\n/,
      'to: shadow\n    after: [backfill tasks/project_replica]\n',
    );
    expect(check(named)).toEqual([]);
  });
});
