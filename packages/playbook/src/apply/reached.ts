import type { EdgeOverview, RunRecord } from '@banyan/control';
import { trackOf, type Plan } from '../plan/plan.js';
import { edgeOf } from '../plan/rules/ladder.js';
import { driftOf, targetOf } from './drift.js';
import { DEFAULT_SETTINGS, type Found, type StepContext } from './found.js';
import { keyedSteps, type KeyedStep } from './keyed-steps.js';
import { isMadeState } from './run-log.js';
import { lookAtStep } from './work/look-at-step.js';
import type { World } from './world.js';

/** How a step stands in the world, whoever brought it there. */
export interface StepStanding {
  /** It is so: `apply` would find it done, or wait for its soak at most. */
  reached: boolean;
  /** Of a stage that is made and not in force everywhere: where it is not. */
  missing: string[];
  /** The run has made it, and it is so no more: somebody, or a guard, took its edge back below it. */
  takenBack: boolean;
}

const TO_DO: StepStanding = { reached: false, missing: [], takenBack: false };
const REACHED: StepStanding = { ...TO_DO, reached: true };

export interface PlanLookOptions {
  world: World;
  /** Who asks; sources are told when they are asked how their backfills stand. */
  by: string;
  /** The run of the plan, if there is one: what it has made and the world has not is taken back. */
  run?: Pick<RunRecord, 'steps'> | undefined;
}

/**
 * How far the world is along a plan, whoever brought it there: each step is looked at as `apply` does at its first round, and by
 * the same code. Steps of an edge that lie below where it stands are reached; those above the first move that is not, are not.
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
  const { passed, undone } = await driftsOf(steps, looking);
  const standings: (readonly [string, StepStanding])[] = [];
  let isOpen = true;
  for (const step of steps) {
    const found = !isOpen
      ? TO_DO
      : passed.includes(step)
        ? REACHED
        : standingIn(await lookAtStep(contextOf(step, looking)));
    const standing = { ...found, takenBack: undone.includes(step) && !found.reached };
    // Behind a move that is not made, what a look finds would be of the stage before.
    if (targetOf(step) !== undefined && !standing.reached) isOpen = false;
    standings.push([step.key, standing]);
  }
  return standings;
}

interface Drifts {
  /** The moves that lie below where the edge of a track stands. */
  passed: readonly KeyedStep[];
  /** What a run has made, and was taken back. */
  undone: readonly KeyedStep[];
}

async function driftsOf(steps: readonly KeyedStep[], { plan, world, run }: Looking): Promise<Drifts> {
  const name = steps[0]?.edge ?? null;
  const edge: EdgeOverview | undefined = name === null ? undefined : await world.edge(name);
  if (edge === undefined) return { passed: [], undone: [] };
  const { kind, floor } = edgeOf(plan, edge.edge);
  const made = new Set(run?.steps.filter(isMadeState).map(({ key }) => key));
  const isMade = ({ key }: KeyedStep): boolean => made.has(key);
  const fromFloor = driftOf({ kind, floor, steps, isMade: () => false }, edge);
  const fromRun = driftOf({ kind, floor, steps, isMade }, edge);
  return {
    passed: fromFloor.kind === 'ahead' ? fromFloor.passed : [],
    undone: fromRun.kind === 'lowered' ? fromRun.undone.filter(isMade) : [],
  };
}

function standingIn(found: Found): StepStanding {
  if (found.kind === 'done' || found.kind === 'soaking') return REACHED;
  const isMade = found.kind === 'waiting' && found.changeId !== undefined;
  return isMade ? { ...TO_DO, missing: found.missing } : TO_DO;
}

/** As of a step that is not to be done now: so nothing is asked that would leave a trace. */
function contextOf(step: KeyedStep, { plan, world, by }: Looking): StepContext {
  return {
    ...{ plan, step, world, by, settings: DEFAULT_SETTINGS, startedMs: Date.now() },
    ...{ signal: new AbortController().signal, isPostponed: true },
  };
}
