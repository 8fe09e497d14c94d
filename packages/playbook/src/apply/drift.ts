import { LADDERS, type EdgeKind, type EdgeOverview, type Stage } from '@banyan/control';
import type { KeyedStep } from './keyed-steps.js';

/** Where an edge stands: at a stage, for a share of its keys. */
export interface Standing {
  stage: Stage;
  /** Percent; 100: all. */
  share: number;
}

/** An edge's steps, and what a run knows of them. */
export interface Track {
  kind: EdgeKind;
  /** Where it stands before any step. */
  floor: Stage;
  /** Its steps, in their order. */
  steps: readonly KeyedStep[];
  /** Whether the run has made a step: it is done, or only soaking. */
  isMade: (step: KeyedStep) => boolean;
}

/**
 * How an edge stands against what the run believes of it.
 * `ahead`: somebody has moved it on; these steps are done · `lowered`: somebody, or a guard, has taken it back; these steps are
 * not done any more.
 */
export type Drift =
  | { kind: 'none' }
  | { kind: 'ahead'; passed: KeyedStep[] }
  | { kind: 'lowered'; believed: Standing; undone: KeyedStep[] };

/** Compares an edge with what a run believes of it. Pure. */
export function driftOf(track: Track, edge: Pick<EdgeOverview, 'stage' | 'ramp' | 'by'>): Drift {
  const standing = standingOf(edge);
  const moves = track.steps.filter((step) => targetOf(step) !== undefined);
  const lastMade = moves.findLast((step) => track.isMade(step));
  const believed = (lastMade && targetOf(lastMade)) ?? { stage: track.floor, share: 100 };
  const next = moves.find((step) => !track.isMade(step));
  const order = compare(track.kind, standing, believed);
  if (order === 0) return { kind: 'none' };
  if (order > 0) return ahead(track, moves, standing);
  const isDrill = next?.action.do === 'back' && edge.by !== 'guard';
  if (isDrill && compare(track.kind, standing, targetOf(next) ?? believed) === 0) return { kind: 'none' };
  return lowered(track, { standing, believed });
}

/** Where a step takes its edge; undefined if it takes it nowhere. */
export function targetOf({ action }: KeyedStep): Standing | undefined {
  if (action.do === 'advance') return { stage: action.to, share: action.share };
  return action.do === 'back' ? { stage: action.to, share: 100 } : undefined;
}

export function standingOf({ stage, ramp }: Pick<EdgeOverview, 'stage' | 'ramp'>): Standing {
  return { stage, share: ramp?.share ?? 100 };
}

/** Below 0 if the first stands lower. */
export function compare(kind: EdgeKind, a: Standing, b: Standing): number {
  const ladder: readonly Stage[] = LADDERS[kind];
  return ladder.indexOf(a.stage) - ladder.indexOf(b.stage) || a.share - b.share;
}

/** All but the move that leads where it stands: that one is looked at like any other, so that it soaks. */
function ahead({ kind, isMade }: Track, moves: readonly KeyedStep[], standing: Standing): Drift {
  const passed: KeyedStep[] = [];
  for (const step of moves.filter((each) => !isMade(each))) {
    const target = targetOf(step);
    if (step.action.do !== 'advance' || target === undefined) break;
    if (compare(kind, target, standing) >= 0) break;
    passed.push(step);
  }
  return passed.length === 0 ? { kind: 'none' } : { kind: 'ahead', passed };
}

function lowered(
  { kind, steps, isMade }: Track,
  { standing, believed }: { standing: Standing; believed: Standing },
): Drift {
  const holds = steps.findLastIndex((step) => {
    const target = targetOf(step);
    return target !== undefined && isMade(step) && compare(kind, target, standing) <= 0;
  });
  const first = steps.findIndex((step) => targetOf(step) !== undefined);
  return { kind: 'lowered', believed, undone: steps.slice(Math.max(holds + 1, first)) };
}
