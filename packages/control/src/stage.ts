import { BanyanError } from '@banyan/runtime';

/**
 * The ladder of a query edge, lowest first. What each stage means:
 * `call` the provider answers · `cache` a local cache filled by the call · `shadow` the provider answers, the replica is
 * compared off the caller's path · `prefer-replica` the replica if fresh, else the provider · `replica` the replica only.
 */
export const QUERY_STAGES = ['call', 'cache', 'shadow', 'prefer-replica', 'replica'] as const;

export type QueryStage = (typeof QUERY_STAGES)[number];

/** What the processes of an edge support, lowest first: the first is its floor, the last its ceiling. */
export type Ladder = readonly [QueryStage, ...QueryStage[]];

export function isQueryStage(value: unknown): value is QueryStage {
  return typeof value === 'string' && (QUERY_STAGES as readonly string[]).includes(value);
}

/** All stages of a query edge. One without a cache leaves `cache` out. */
export const QUERY_LADDER: Ladder = QUERY_STAGES;

const rank = (stage: QueryStage): number => QUERY_STAGES.indexOf(stage);

/**
 * Orders and checks the stages that an edge declares.
 *
 * @throws BANYAN_STAGE_INVALID if there are none, or one is unknown
 */
export function ladderOf(stages: readonly string[]): Ladder {
  const unknown = stages.find((stage) => !isQueryStage(stage));
  const [floor, ...rest] = QUERY_STAGES.filter((stage) => stages.includes(stage));
  if (unknown !== undefined || floor === undefined) {
    const seen = unknown === undefined ? 'no stage' : JSON.stringify(unknown);
    throw new BanyanError('BANYAN_STAGE_INVALID', `${seen} is given; known are ${QUERY_STAGES.join(', ')}`);
  }
  return [floor, ...rest];
}

/** The stages that all of some ladders support; undefined if they share none. */
export function commonLadder(ladders: readonly Ladder[]): Ladder | undefined {
  const shared = QUERY_STAGES.filter((stage) => ladders.every((ladder) => ladder.includes(stage)));
  return ladders.length === 0 || shared.length === 0 ? undefined : ladderOf(shared);
}

/** The next stage up the ladder; undefined at its ceiling. */
export function stageAbove(ladder: Ladder, from: QueryStage): QueryStage | undefined {
  return ladder.find((stage) => rank(stage) > rank(from));
}

/** The next stage down the ladder; undefined at its floor. */
export function stageBelow(ladder: Ladder, from: QueryStage): QueryStage | undefined {
  return ladder.findLast((stage) => rank(stage) < rank(from));
}

export interface Move {
  ladder: Ladder;
  from: QueryStage;
  /** Where to; without it the next stage in the direction. */
  to?: string | undefined;
}

/**
 * Where an advance leads: one stage up, never more, for each stage gathers the evidence for the next.
 *
 * @throws BANYAN_STAGE_INVALID at the ceiling, or if `to` is not the next stage up
 */
export function planAdvance({ ladder, from, to }: Move): QueryStage {
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
 * Where going back leads: one stage down, or to any lower one if `to` names it.
 *
 * @throws BANYAN_STAGE_INVALID at the floor, or if `to` is no lower stage of the ladder
 */
export function planBack({ ladder, from, to }: Move): QueryStage {
  const lower = ladder.filter((stage) => rank(stage) < rank(from));
  const target = to === undefined ? lower.at(-1) : lower.find((stage) => stage === to);
  if (target !== undefined) return target;
  const choice =
    lower.length === 0 ? `${from} is the floor` : `from ${from} one can go back to ${lower.join(', ')}`;
  throw new BanyanError('BANYAN_STAGE_INVALID', to === undefined ? choice : `${choice}, not to ${to}`);
}
