import type { PlanOrder } from './order.js';
import type { Plan, PlanStep } from './plan.js';

export const FAULT_KINDS = [
  'circle',
  'skipped-stage',
  'share-not-risen',
  'no-replica',
  'not-backfilled',
  'receiver-not-ready',
  'replicas-need-each-other',
  'below-the-floor',
  'rehearsed-too-early',
  'retired-under-callers',
  'retired-with-a-way-back',
  'retired-unrehearsed',
  'target-not-reached',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** What is wrong with a plan, and a shortest run of it that shows it. */
export interface Fault {
  kind: FaultKind;
  /** `playbooks/teams.yaml:41` */
  at: string;
  message: string;
  /** Steps in words, the last one being where it goes wrong; what then happens after `!`. */
  trace: string[];
  remedy: string;
}

/** Looks for one kind of fault. */
export type Rule = (plan: Plan, order: PlanOrder) => Fault[];

/** A run in words, and what then happens. */
export function traceOf(steps: readonly PlanStep[], then: string): string[] {
  return [...steps.map(({ text }) => text), `! ${then}`];
}
