import { describe, expect, it } from 'vitest';
import { parsePlaybook } from './read-playbook.js';
import { resolvePlan } from './resolve-plan.js';
import type { Plan } from './plan.js';

const START = `version: 1
name: plan
replicas:
  tasks/project_replica: {}
edges:
  tasks -> projects.GetProject: { kind: query, replica: tasks/project_replica }
steps:
`;

const read = (text: string): Plan => resolvePlan(parsePlaybook(text, 'plan.yaml'));
const steps = (...lines: string[]): string => START + lines.map((line) => `  - ${line}\n`).join('');

describe('a playbook', () => {
  it('fills in what is not said: from the step, else its edge, else the defaults', () => {
    const text = steps(
      '{ advance: tasks:projects.GetProject, to: cache }',
      '{ advance: tasks -> projects.GetProject, to: shadow, soak: 2h, gate: { confidence: 0.99 } }',
    );
    const settings = 'defaults: { soak: 5s, gate: { maxDisagreement: 0.0001 } }\n';
    const [first, second] = read(settings + text).steps;
    expect(first?.action).toEqual({
      ...{ do: 'advance', edge: 'tasks -> projects.GetProject', to: 'cache', share: 100, soakMs: 5_000 },
      gate: { maxDisagreement: 0.0001, confidence: 0.95, minReactions: 50 },
    });
    expect(second?.action).toMatchObject({
      soakMs: 7_200_000,
      gate: { maxDisagreement: 0.0001, confidence: 0.99 },
    });
    expect(second?.after).toEqual([0]);
  });

  it('says of a rehearsal what it asks for, and leaves the rest to who applies it', () => {
    const text = steps(
      '{ rehearse: tasks:projects.GetProject, for: 10s, maxErrors: 0.001, minCalls: 500 }',
      '{ rehearse: tasks:projects.GetProject }',
    );
    const [first, second] = read(text).steps.map(({ action }) => action);
    expect(first).toMatchObject({ forMs: 10_000, budget: { maxErrors: 0.001, minCalls: 500 } });
    expect(second).toMatchObject({ forMs: 30_000, budget: {} });
  });

  it.each([
    ['no YAML', 'steps: [', /plan\.yaml:1:9: /],
    [
      'a key that is not known',
      `${START}  - backfill: tasks/project_replica\nowner: me\n`,
      /:9:1: "owner" is not known here/,
    ],
    ['a missing part', 'version: 1\nname: plan\nsteps: [{ retire: a.B }]\n', /edges is missing/],
    [
      'another version',
      steps('retire: projects.GetProject').replace('version: 1', 'version: 2'),
      /:1:1: version must/,
    ],
    [
      'a step of no kind',
      steps('advnce: tasks -> projects.GetProject'),
      /:8:5: .*"advnce": did you mean advance\?/,
    ],
    [
      'a step of two kinds',
      steps('{ retire: projects.GetProject, backfill: tasks/project_replica }'),
      /backfill and retire/,
    ],
    [
      'an unknown part of a step',
      steps('{ retire: projects.GetProject, quite: 1h }'),
      /"quite" is not known here/,
    ],
    [
      'a stage that there is not',
      steps('{ advance: tasks -> projects.GetProject, to: replika }'),
      /to must be one of call, cache/,
    ],
    [
      'a stage of the other kind',
      steps('{ advance: tasks -> projects.GetProject, to: dual }'),
      /dual is no stage of this edge/,
    ],
    [
      'an edge that there is not',
      steps('{ advance: tasks -> projects.GetProjects, to: cache }'),
      /did you mean tasks -> projects.GetProject\?/,
    ],
    ['what is no edge', steps('{ advance: GetProject, to: cache }'), /BANYAN_EDGE_INVALID|is no edge/],
    [
      'a replica that there is not',
      steps('backfill: tasks/projects_replica'),
      /did you mean tasks\/project_replica\?/,
    ],
    ['a method that there is not', steps('retire: projects.GetProjet'), /did you mean projects.GetProject\?/],
    [
      'a step that there is not',
      steps(
        '{ retire: projects.GetProject, after: [backfil tasks/project_replica] }',
        'backfill: tasks/project_replica',
      ),
      /did you mean backfill tasks\/project_replica\?/,
    ],
    [
      'no duration',
      steps('{ retire: projects.GetProject, quiet: 1 hour }'),
      /:8:\d+: quiet must match pattern/,
    ],
    [
      'a share above 100',
      steps('{ advance: tasks -> projects.GetProject, to: cache, share: 101 }'),
      /share must be <= 100/,
    ],
  ])('with %s says where, and what is meant', (_what, text, message) => {
    expect(() => read(text)).toThrow(message);
    expect(() => read(text)).toThrow(/BANYAN_PLAYBOOK_INVALID: plan\.yaml:\d+:\d+: /);
  });
});
