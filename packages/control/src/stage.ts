import { BanyanError } from '@banyan/runtime';

/**
 * The ladder of a query edge, lowest first. What each stage means:
 * `call` the provider answers · `cache` a local cache filled by the call · `shadow` the provider answers, the replica is
 * compared off the caller's path · `prefer-replica` the replica if fresh, else the provider · `replica` the replica only ·
 * `retired` the same, and the provider refuses the caller's calls with a tombstone.
 */
export const QUERY_STAGES = ['call', 'cache', 'shadow', 'prefer-replica', 'replica', 'retired'] as const;

/**
 * The ladder of a reaction edge, lowest first. Who does the effect: `call` the call · `dual` whichever of call and event
 * comes first · `event` the subscriber · `retired` the same, and the receiver refuses calls with a tombstone.
 */
export const REACTION_STAGES = ['call', 'dual', 'event', 'retired'] as const;

export type QueryStage = (typeof QUERY_STAGES)[number];
export type ReactionStage = (typeof REACTION_STAGES)[number];
export type Stage = QueryStage | ReactionStage;

interface StagesByKind {
  /** A call made for its answer. */
  query: QueryStage;
  /** A call made for its effect. */
  reaction: ReactionStage;
}

export type EdgeKind = keyof StagesByKind;

/** The stages of edges of a kind. */
export type StageOf<K extends EdgeKind> = StagesByKind[K];

/** What the processes of an edge support, lowest first: the first is its floor, the last its ceiling. */
export type Ladder<S extends Stage = Stage> = readonly [S, ...S[]];

const STAGES: { readonly [K in EdgeKind]: readonly StageOf<K>[] } = {
  query: QUERY_STAGES,
  reaction: REACTION_STAGES,
};

export function isEdgeKind(value: unknown): value is EdgeKind {
  return typeof value === 'string' && Object.hasOwn(STAGES, value);
}

export function isStageOf<K extends EdgeKind>(kind: K, value: unknown): value is StageOf<K> {
  const known: readonly unknown[] = STAGES[kind];
  return known.includes(value);
}

/** All stages of a query edge. One without a cache leaves `cache` out. */
export const QUERY_LADDER: Ladder<QueryStage> = QUERY_STAGES;

export const REACTION_LADDER: Ladder<ReactionStage> = REACTION_STAGES;

/** The whole ladder of a kind, for edges of which no process tells its own. */
export const LADDERS: { readonly [K in EdgeKind]: Ladder<StageOf<K>> } = {
  query: QUERY_LADDER,
  reaction: REACTION_LADDER,
};

/** Within each kind the order of its ladder. */
const ORDER: readonly Stage[] = [
  ...(['call', 'cache', 'shadow', 'prefer-replica', 'replica'] as const),
  ...(['dual', 'event', 'retired'] as const),
];

const rank = (stage: Stage): number => ORDER.indexOf(stage);

/**
 * Orders and checks the stages that an edge declares.
 *
 * @throws BANYAN_STAGE_INVALID if there are none, or one is unknown to the kind
 */
export function ladderOf(stages: readonly string[]): Ladder<QueryStage>;
export function ladderOf<K extends EdgeKind>(stages: readonly string[], kind: K): Ladder<StageOf<K>>;
export function ladderOf(stages: readonly string[], kind: EdgeKind = 'query'): Ladder {
  const known: readonly Stage[] = STAGES[kind];
  const unknown = stages.find((stage) => !isStageOf(kind, stage));
  const [floor, ...rest] = known.filter((stage) => stages.includes(stage));
  if (unknown !== undefined || floor === undefined) {
    const seen = unknown === undefined ? 'no stage' : JSON.stringify(unknown);
    throw new BanyanError('BANYAN_STAGE_INVALID', `${seen} is given; known are ${known.join(', ')}`);
  }
  return [floor, ...rest];
}

/** The stages that all of some ladders of one kind support; undefined if they share none. */
export function commonLadder(ladders: readonly Ladder[]): Ladder | undefined {
  const [floor, ...rest] = ORDER.filter((stage) => ladders.every((ladder) => ladder.includes(stage)));
  return ladders.length === 0 || floor === undefined ? undefined : [floor, ...rest];
}

/** The next stage up the ladder; undefined at its ceiling. */
export function stageAbove(ladder: Ladder, from: Stage): Stage | undefined {
  return ladder.find((stage) => rank(stage) > rank(from));
}

/** The next stage down the ladder; undefined at its floor. */
export function stageBelow<S extends Stage>(ladder: Ladder<S>, from: Stage): S | undefined {
  return ladder.findLast((stage) => rank(stage) < rank(from));
}

export interface Move {
  ladder: Ladder;
  from: Stage;
  /** Where to; without it the next stage in the direction. */
  to?: string | undefined;
}

/**
 * Where an advance leads: one stage up, never more, for each stage gathers the evidence for the next.
 *
 * @throws BANYAN_STAGE_INVALID at the ceiling, or if `to` is not the next stage up
 */
export function planAdvance({ ladder, from, to }: Move): Stage {
  const next = stageAbove(ladder, from);
  if (next === undefined) {
    throw new BanyanError('BANYAN_STAGE_INVALID', `${from} is the highest stage of ${ladder.join(', ')}`);
  }
  if (to !== undefined && to !== next) {
    throw new BanyanError('BANYAN_STAGE_INVALID', `from ${from} an edge advances to ${next}, not to ${to}`);
  }
  return next;
}

/**
 * Where going back leads: one stage down, or to any lower one if `to` names it. From `event` (and of a reaction, from
 * `retired`) only one down: at `dual` the
 * receiver still works off what was left to events, and calls that come too early lose nothing.
 *
 * @throws BANYAN_STAGE_INVALID at the floor, or if `to` is no lower stage of the ladder
 */
export function planBack({ ladder, from, to }: Move): Stage {
  const drains = from === 'event' || (from === 'retired' && ladder.includes('event'));
  const lower = ladder.filter((stage) => rank(stage) < rank(from)).slice(drains ? -1 : 0);
  const target = to === undefined ? lower.at(-1) : lower.find((stage) => stage === to);
  if (target !== undefined) return target;
  const choice =
    lower.length === 0 ? `${from} is the floor` : `from ${from} one can go back to ${lower.join(', ')}`;
  throw new BanyanError('BANYAN_STAGE_INVALID', to === undefined ? choice : `${choice}, not to ${to}`);
}
