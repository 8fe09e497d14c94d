import type { GateTerms, Ramp, Stage } from '@banyan/control';
import { describe, expect, it } from 'vitest';
import { parsePlaybook } from '../plan/read-playbook.js';
import { resolvePlan } from '../plan/resolve-plan.js';
import { termsIn } from './gate-terms.js';

const EDGE = 'tasks -> projects.GetProject';
const OTHER = 'tasks -> teams.GetTeam';
const PLAYBOOK = `
version: 1
name: strict
defaults: { gate: { confidence: 0.99 } }
replicas: { tasks/p: {} }
edges: { ${EDGE}: { kind: query, replica: tasks/p, gate: { maxDisagreement: 0.001 } } }
steps:
  - { advance: ${EDGE}, to: cache }
  - { advance: ${EDGE}, to: shadow }
  - { advance: ${EDGE}, to: prefer-replica, share: 20 }
  - { advance: ${EDGE}, to: prefer-replica, gate: { maxDisagreement: 0.3 } }
  - { advance: ${EDGE}, to: replica }
  - { retire: projects.GetProject, quiet: 7d }
`;
const termsFor = termsIn(resolvePlan(parsePlaybook(PLAYBOOK, 'plan.yaml')));

const at = (stage: Stage, share = 100, edge = EDGE): GateTerms => {
  const ramp: Ramp | null = share === 100 ? null : { from: 'shadow', share };
  return termsFor({ edge, stage, ramp });
};

describe('the settings of the next gate', () => {
  it('are those of the edge’s next step up in the playbook, and named after it', () => {
    expect(at('shadow')).toEqual({
      from: `advance ${EDGE} to prefer-replica for 20 %`,
      gate: { maxDisagreement: 0.001, confidence: 0.99, minReactions: 50 },
    });
    expect(at('prefer-replica', 20)).toMatchObject({
      from: `advance ${EDGE} to prefer-replica`,
      gate: { maxDisagreement: 0.3 },
    });
    expect(at('call').from).toBe(`advance ${EDGE} to cache`);
  });

  it('are those of the step that retires its method where no move leads further', () => {
    expect(at('replica')).toEqual({
      from: 'retire projects.GetProject',
      gate: { retireQuietMs: 7 * 86_400_000 },
    });
  });

  it('are the defaults where the playbook leads no further, and for edges that it does not know', () => {
    const defaults = { gate: {}, from: 'defaults' };
    expect([at('retired'), at('call', 100, OTHER)]).toEqual([defaults, defaults]);
  });
});
