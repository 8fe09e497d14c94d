import type { EdgeOverview } from '@banyan/control';
import { trackOf, type Plan } from '../plan/plan.js';
import { edgeOf } from '../plan/rules/ladder.js';
import { driftOf, targetOf } from './drift.js';
import { DEFAULT_SETTINGS, type Found, type StepContext } from './found.js';
import { keyedSteps, type KeyedStep } from './keyed-steps.js';
import { lookAtStep } from './work/look-at-step.js';
import type { World } from './world.js';

/** How a step stands in the world, whoever brought it there. */
export interface StepStanding {
  /** It is so: `apply` would find it done, or wait for its soak at most. */
  reached: boolean;
  /** Of a stage that is made and not in force everywhere: where it is not. */
  missing: string[];
}

const TO_DO: StepStanding = { reached: false, missing: [] };

export interface PlanLookOptions {
  world: World;
  /** Who asks; sources are told when they are asked how their backfills stand. */
  by: string;
}

/**
 * How far the world is along a plan, without any run: each step is looked at as `apply` does at its first round, and by the same
 * code. Steps of an edge that lie below where it stands are reached; those above the first move that is not, are not.
 * Changes nothing.
 *
 * @returns by the steps' keys
 * @throws BanyanError BANYAN_CONTROL_UNREACHABLE
 */
export async function lookAtPlan(plan: Plan, options: PlanLookOptions): Promise<Map<string, StepStanding>> {
  const tracks = new Map<string, KeyedStep[]>();
  for (const step of keyedSteps(plan)) {
    const name = trackOf(step.action);
    tracks.set(name, [...(tracks.get(name) ?? []), step]);
  }
  const looks = [...tracks.values()].map((steps) => lookAtTrack(steps, { plan, ...options }));
  return new Map((await Promise.all(looks)).flat());
}

interface Looking extends PlanLookOptions {
  plan: Plan;
}

async function lookAtTrack(
  steps: readonly KeyedStep[],
  looking: Looking,
): Promise<(readonly [string, StepStanding])[]> {
  const passed = await passedBy(steps, looking);
  const standings: (readonly [string, StepStanding])[] = [];
  let isOpen = true;
  for (const step of steps) {
    const standing = !isOpen
      ? TO_DO
      : passed.includes(step)
        ? { reached: true, missing: [] }
        : standingIn(await lookAtStep(contextOf(step, looking)));
    // Behind a move that is not made, what a look finds would be of the stage before.
    if (targetOf(step) !== undefined && !standing.reached) isOpen = false;
    standings.push([step.key, standing]);
  }
  return standings;
}

/** The moves that lie below where the edge of a track stands. */
async function passedBy(
  steps: readonly KeyedStep[],
  { plan, world }: Looking,
): Promise<readonly KeyedStep[]> {
  const name = steps[0]?.edge ?? null;
  const edge: EdgeOverview | undefined = name === null ? undefined : await world.edge(name);
  if (edge === undefined) return [];
  const { kind, floor } = edgeOf(plan, edge.edge);
  const drift = driftOf({ kind, floor, steps, isMade: () => false }, edge);
  return drift.kind === 'ahead' ? drift.passed : [];
}

function standingIn(found: Found): StepStanding {
  if (found.kind === 'done' || found.kind === 'soaking') return { reached: true, missing: [] };
  const isMade = found.kind === 'waiting' && found.changeId !== undefined;
  return isMade ? { reached: false, missing: found.missing } : TO_DO;
}

/** As of a step that is not to be done now: so nothing is asked that would leave a trace. */
function contextOf(step: KeyedStep, { plan, world, by }: Looking): StepContext {
  return {
    ...{ plan, step, world, by, settings: DEFAULT_SETTINGS, startedMs: Date.now() },
    ...{ signal: new AbortController().signal, isPostponed: true },
  };
}
