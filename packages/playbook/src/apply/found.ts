import type { GateOptions } from '@banyan/control';
import type { Plan } from '../plan/plan.js';
import type { KeyedStep } from './keyed-steps.js';
import type { World } from './world.js';

/** What a look at a step finds in the world. Only `ready` changes anything, and only by its `act`. */
export type Found =
  | { kind: 'done'; changeId?: string }
  /** Not yet: what is missing. With a change: it is made, and not settled. */
  | { kind: 'waiting'; missing: string[]; changeId?: string }
  /** Made and in force; to be watched until then, ms since 1970. */
  | { kind: 'soaking'; untilMs: number; changeId: string }
  | { kind: 'ready'; why: string; act: () => Promise<void> }
  | { kind: 'failed'; why: string };

/** What a step may need to know. */
export interface StepContext {
  plan: Plan;
  step: KeyedStep;
  world: World;
  by: string;
  settings: StepSettings;
  /** When this walk began, ms since 1970. */
  startedMs: number;
  signal: AbortSignal;
  /** It is not to be done now, whatever is found. */
  isPostponed: boolean;
}

export interface StepSettings {
  /** What gates ask besides what the playbook says. */
  gate: GateOptions;
  /** How long to wait until every process runs a change, in ms. */
  timeoutMs: number;
  /** Rehearsals: the share of the calls that may fail, and how many there must be. */
  maxErrors: number;
  minCalls: number;
}

export const DEFAULT_SETTINGS: StepSettings = { gate: {}, timeoutMs: 10_000, maxErrors: 0.001, minCalls: 10 };

export const waiting = (...missing: string[]): Found => ({ kind: 'waiting', missing });
