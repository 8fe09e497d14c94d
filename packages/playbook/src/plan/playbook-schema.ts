import { Type, type Static, type TSchema } from 'typebox';

const STRICT = { additionalProperties: false } as const;

const edge = Type.String({
  description: 'An edge of this playbook, as it is written above: `tasks -> projects.GetProject`.',
});

const stage = Type.Enum(['call', 'cache', 'shadow', 'prefer-replica', 'replica', 'dual', 'event'], {
  description:
    'Query edges: call, cache, shadow, prefer-replica, replica. Reaction edges: call, dual, event.',
});

const duration = Type.String({
  pattern: '^[0-9]+(ms|s|m|h|d)$',
  description: 'A whole number and ms, s, m, h or d: `30s`, `2h`.',
});

const gate = Type.Object(
  {
    maxDisagreement: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        exclusiveMaximum: 1,
        description:
          'The share of comparisons that may disagree, e.g. 0.001. Shown with the confidence below.',
      }),
    ),
    confidence: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0.5,
        exclusiveMaximum: 1,
        description: 'How sure to be of it, e.g. 0.95. Looking often costs nothing: the test is sequential.',
      }),
    ),
    minReactions: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'Reaction edges: effects whose events must have come at `dual`, e.g. 50.',
      }),
    ),
  },
  { ...STRICT, description: 'What must be shown before an edge advances past `shadow`, or to `event`.' },
);

const after = Type.Optional(
  Type.Array(Type.String(), {
    description:
      'Steps that must be done first, by their id or by what they say: `backfill tasks/project_replica`. The earlier steps of the same edge or replica always are.',
  }),
);

const common = {
  id: Type.Optional(
    Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$', description: 'A short name for `after`.' }),
  ),
  after,
  note: Type.Optional(Type.String({ description: 'Shown when the step comes up.' })),
};

const soak = Type.Optional(
  Type.String({ ...duration, description: 'How long to stay here at least before the edge goes on.' }),
);

function step<P extends Record<string, TSchema>>(description: string, properties: P) {
  return Type.Object({ ...properties, ...common }, { ...STRICT, description });
}

/** The kinds of step, by the key that names what is done. */
export const STEP_SCHEMAS = {
  backfill: step('Publish a snapshot of each row that a replica is made of, and wait until it is applied.', {
    backfill: Type.String({
      description: 'A replica of this playbook: `tasks-project-replica/project_replica`.',
    }),
  }),
  receive: step('Wait until the receiver of a reaction runs its subscriber, and that has a position.', {
    receive: edge,
  }),
  advance: step('Move an edge one stage up, once its gate passes.', {
    advance: edge,
    to: stage,
    share: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 100,
        description: 'Only for so many percent of the keys; 100 when it is left out. It may only rise.',
      }),
    ),
    soak,
    gate: Type.Optional(gate),
  }),
  back: step('Move an edge down, as a drill.', { back: edge, to: stage, soak }),
  floor: step(
    'Wait until every process of the edge is deployed with this floor: nothing takes it below from then on.',
    { floor: edge, to: stage },
  ),
  rehearse: step('Cut the provider off from the caller for a time; the caller must hold its error budget.', {
    rehearse: edge,
    for: Type.Optional(duration),
    maxErrors: Type.Optional(
      Type.Number({
        minimum: 0,
        exclusiveMaximum: 1,
        description:
          'The error budget: the share of the calls that may fail, e.g. 0.001. Default: what `banyan apply --max-errors` says.',
      }),
    ),
    minCalls: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'With fewer calls nothing is shown, and it is done again. Default: what `banyan apply --min-calls` says.',
      }),
    ),
  }),
  retire: step('Let the provider answer a method with a tombstone, once nobody has called it for a time.', {
    retire: Type.String({ description: 'A method, with its service: `projects.GetProject`.' }),
    quiet: Type.Optional(duration),
  }),
} as const;

export type StepKind = keyof typeof STEP_SCHEMAS;
export type PlaybookStep = { [K in StepKind]: Static<(typeof STEP_SCHEMAS)[K]> }[StepKind];

const edgeSettings = Type.Object(
  {
    kind: Type.Enum(['query', 'reaction'], {
      description: '`query`: called for its answer. `reaction`: called for its effect.',
    }),
    owner: Type.Optional(Type.String({ description: 'Who is asked when something is wrong with it.' })),
    replica: Type.Optional(
      Type.String({ description: 'Query edges: the replica that answers it, one of `replicas`.' }),
    ),
    floor: Type.Optional(stage),
    target: Type.Optional(stage),
    ladder: Type.Optional(
      Type.Array(stage, { description: 'The stages that its processes support; default the whole ladder.' }),
    ),
    gate: Type.Optional(gate),
    soak,
  },
  STRICT,
);

const replicaSettings = Type.Object(
  {
    needs: Type.Optional(
      Type.Array(edge, {
        description:
          'Edges of the same service that its handlers call: it cannot be filled while they do not answer.',
      }),
    ),
  },
  STRICT,
);

/** A playbook: the migration of a system, as data. Its JSON schema is published as playbooks/playbook.schema.json. */
export const PLAYBOOK_SCHEMA = Type.Object(
  {
    version: Type.Literal(1),
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$' }),
    description: Type.Optional(Type.String()),
    defaults: Type.Optional(
      Type.Object(
        { soak, gate: Type.Optional(gate) },
        { ...STRICT, description: 'For edges that say nothing.' },
      ),
    ),
    replicas: Type.Optional(
      Type.Record(Type.String(), replicaSettings, {
        description: 'By subscriber and table: `tasks-project-replica/project_replica`.',
      }),
    ),
    edges: Type.Record(Type.String(), edgeSettings, {
      description: 'By name: `tasks -> projects.GetProject`.',
    }),
    steps: Type.Array(Type.Union(Object.values(STEP_SCHEMAS)), { minItems: 1 }),
  },
  { ...STRICT, title: 'Banyan playbook' },
);

export type EdgeSettings = Static<typeof edgeSettings>;
export type ReplicaSettings = Static<typeof replicaSettings>;
export type GateSettings = Static<typeof gate>;

/** The same, but for its steps, which are checked one by one: a union has nothing useful to say of what fits none. */
export const OUTLINE_SCHEMA = Type.Object(
  { ...PLAYBOOK_SCHEMA.properties, steps: Type.Array(Type.Object({}), { minItems: 1 }) },
  STRICT,
);
