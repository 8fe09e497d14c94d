import type { EdgeOverview, Stage } from '../wire.js';

const WHOLE: Readonly<Record<EdgeOverview['kind'], readonly Stage[]>> = {
  query: ['call', 'cache', 'shadow', 'prefer-replica', 'replica', 'retired'],
  reaction: ['call', 'dual', 'event', 'retired'],
};

/** Where a rung of the ladder stands: behind, here, partly here (so many percent of the keys), the next one up, or above. */
export interface Rung {
  stage: Stage;
  state: 'passed' | 'current' | 'next' | 'ahead';
  /** Percent of the keys; set on the two rungs of a ramp. */
  share?: number;
  /** False: not every process supports it. */
  supported: boolean;
}

/** The rungs that an edge has, lowest first; of an edge that no process reports, all of its kind. */
export function rungsOf({ kind, ladder, stage, ramp, next }: LadderParts): Rung[] {
  const whole = WHOLE[kind];
  const shown = whole.filter((each) => ladder === null || ladder.includes(each) || each === stage);
  const here = whole.indexOf(stage);
  return shown.map((each) => {
    const at = whole.indexOf(each);
    const state = at < here ? 'passed' : at === here ? 'current' : each === next?.stage ? 'next' : 'ahead';
    return { stage: each, state, ...shareOf(each, stage, ramp), supported: ladder?.includes(each) ?? true };
  });
}

type LadderParts = Pick<EdgeOverview, 'kind' | 'ladder' | 'stage' | 'ramp' | 'next'>;

function shareOf(each: Stage, stage: Stage, ramp: EdgeOverview['ramp']): { share?: number } {
  if (ramp === null) return {};
  if (each === stage) return { share: ramp.share };
  return each === ramp.from ? { share: 100 - ramp.share } : {};
}

/** How far an edge has come, from 0 (`call`) to 1 (its highest stage, for all keys). */
export function progressOf(edge: LadderParts): number {
  const rungs = rungsOf(edge);
  const here = rungs.findIndex(({ state }) => state === 'current');
  const top = rungs.length - 1;
  if (top <= 0) return 1;
  const from = edge.ramp === null ? here : rungs.findIndex(({ stage }) => stage === edge.ramp?.from);
  const share = edge.ramp === null ? 1 : edge.ramp.share / 100;
  return (from + (here - from) * share) / top;
}

/**
 * The stages that an edge can go back to, the nearest first. From `event`, and from a reaction's `retired`, one down only: the
 * receiver drains there. During a ramp the nearest is the stage that the other keys run.
 */
export function stagesBelow(edge: LadderParts): Stage[] {
  const drains = edge.stage === 'event' || (edge.kind === 'reaction' && edge.stage === 'retired');
  const below = rungsOf(edge)
    .filter(({ state, supported }) => state === 'passed' && supported)
    .map(({ stage }) => stage)
    .reverse();
  return drains ? below.slice(0, 1) : below;
}
