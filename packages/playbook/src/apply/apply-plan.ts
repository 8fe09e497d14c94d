import { AuditLog, RunStore, type GateOptions, type RunRecord } from '@banyan/control';
import { BanyanError, isBanyanError, messageOf } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { checkPlan } from '../plan/check-plan.js';
import type { Plan } from '../plan/plan.js';
import { DEFAULT_SETTINGS } from './found.js';
import { findStep, keyedSteps, scopeText, stepsIn, type Scope } from './keyed-steps.js';
import type { RunEvent } from './run-event.js';
import { RunLog, runOf } from './run-log.js';
import { Walk, type WalkEnd } from './walk.js';

export interface ApplyOptions {
  connection: NatsConnection;
  /** As `resolvePlan` makes it. It is checked first. */
  plan: Plan;
  /** Who does it; recorded with each change. */
  by: string;
  /** Only the steps of this edge, and all that must be done before them. */
  edge?: string;
  /** Only up to this step: its id, number or words. */
  until?: string;
  /** Steps that wait until somebody releases them. */
  postpone?: readonly string[];
  /** The walk ends as `waiting` when no step could be done for so long, in ms; default: it waits as long as it takes. */
  waitMs?: number;
  /** What gates ask besides what the playbook says. */
  gate?: GateOptions;
  /** How long to wait at once until every process runs a change, in ms; default 10,000. */
  timeoutMs?: number;
  /** Rehearsals: the share of the calls that may fail; default 0.001. */
  maxErrors?: number;
  /** Rehearsals: with fewer calls than this nothing is said; default 10. */
  minCalls?: number;
  /** Ends the walk between two steps. */
  signal?: AbortSignal;
  /** Each thing that happens, as it happens. It must not throw. */
  onEvent?: (event: RunEvent) => void;
  /** After each look at the world: the run as it stands. */
  onLook?: (run: RunRecord) => void;
}

/** How an apply ended, and the run as it left it. */
export type Applied = WalkEnd & { run: RunRecord };

/**
 * Walks a playbook: each step that is not done waits for its gate, is done, soaks and is recorded. Goes on where the last one
 * ended, however it ended. The record of the run (`readRuns`) tells others how far it is.
 *
 * @throws BanyanError BANYAN_PLAYBOOK_INVALID if the plan has faults, BANYAN_RUN_HELD if another process walks it,
 *   BANYAN_STEP_UNKNOWN, BANYAN_CONTROL_UNREACHABLE
 */
export async function applyPlan(options: ApplyOptions): Promise<Applied> {
  const { connection, plan, by, postpone = [] } = options;
  refuseFaults(plan);
  const all = keyedSteps(plan);
  const scope = scopeOf(options);
  const postponed = postpone.map((written) => findStep(all, written).key);
  const store = await RunStore.open(connection);
  const lease = await store.take(plan.name, by);
  try {
    if (postponed.length > 0) await postponeSteps(store, plan.name, { steps: postponed, by });
    const { record: before, revision } = await store.read(plan.name);
    const { record, changed } = runOf(plan, all, { before, by });
    const log = new RunLog(store, { record, revision, by });
    log.set({ scope: scopeText(scope) });
    if (changed !== undefined) options.onEvent?.({ kind: 'changed', changed });
    const steps = stepsIn(plan, all, scope);
    const audit = new AuditLog(connection);
    const { digest } = record;
    const about = {
      kind: 'run',
      about: plan.name,
      by,
      details: { digest, scope: scopeText(scope) },
    } as const;
    await audit.append({ ...about, why: 'it is applied' });
    const walk = new Walk({ ...partsOf(options), steps, all, store, lease, log });
    const applied = await walked(walk, { log, store });
    await audit.append({ ...about, why: endText(applied) });
    return applied;
  } finally {
    await lease.release();
  }
}

/** What is to be walked, as it was asked for. @throws BanyanError BANYAN_STEP_UNKNOWN, BANYAN_EDGE_INVALID */
export function scopeOf({ plan, edge, until }: Pick<ApplyOptions, 'plan' | 'edge' | 'until'>): Scope {
  if (edge !== undefined && !plan.edges.has(edge))
    throw new BanyanError('BANYAN_EDGE_INVALID', `${plan.file} has no edge ${JSON.stringify(edge)}`, {
      remedy: `It has ${[...plan.edges.keys()].join('; ')}.`,
    });
  return { edge, until: until === undefined ? undefined : findStep(keyedSteps(plan), until) };
}

/** Has steps wait until they are released. */
export async function postponeSteps(
  store: RunStore,
  playbook: string,
  { steps, by }: { steps: readonly string[]; by: string },
): Promise<void> {
  const at = new Date().toISOString();
  await store.wish(playbook, ({ paused, postponed }) => {
    const others = postponed.filter(({ step }) => !steps.includes(step));
    return { paused, postponed: [...others, ...steps.map((step) => ({ step, by, at }))] };
  });
}

function endText(applied: Applied): string {
  return applied.state === 'done' ? 'it is done' : `it ends as ${applied.state}: ${applied.why}`;
}

async function walked(walk: Walk, { log, store }: { log: RunLog; store: RunStore }): Promise<Applied> {
  const { playbook } = log.record;
  const { paused } = await store.wishes(playbook);
  const end: WalkEnd =
    paused === null
      ? await walk.toEnd().catch((error: unknown) => broken(log, error))
      : { state: 'paused', why: `paused by ${paused.by} at ${paused.at}` };
  log.set({ state: end.state, why: end.state === 'done' ? '' : end.why });
  await log.save();
  return { ...end, run: log.record };
}

/** What nobody foresaw is told in the record too, unless another process writes that now. */
async function broken(log: RunLog, error: unknown): Promise<never> {
  if (!isBanyanError(error, 'BANYAN_RUN_HELD')) {
    log.set({ state: 'failed', why: messageOf(error) });
    await log.save().catch(() => undefined);
  }
  throw error;
}

function partsOf(options: ApplyOptions) {
  const { connection, plan, by, waitMs = Infinity } = options;
  const { signal = new AbortController().signal } = options;
  const { onEvent = () => undefined, onLook = () => undefined } = options;
  const { gate, timeoutMs, maxErrors, minCalls } = { ...DEFAULT_SETTINGS, ...options };
  const settings = { gate, timeoutMs, maxErrors, minCalls };
  return { connection, plan, by, settings, waitMs, signal, onEvent, onLook };
}

function refuseFaults(plan: Plan): void {
  const faults = checkPlan(plan);
  const [first] = faults;
  if (first === undefined) return;
  const more = faults.length === 1 ? '' : ` (and ${faults.length - 1} more)`;
  throw new BanyanError('BANYAN_PLAYBOOK_INVALID', `${first.at}: ${first.kind}: ${first.message}${more}`, {
    remedy: `${first.remedy} \`banyan plan ${plan.file}\` shows the run that leads there.`,
  });
}
