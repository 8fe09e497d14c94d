import type { RunLease, RunRecord, RunStore, RunWishes } from '@banyan/control';
import { BanyanError, isBanyanError, systemClock, wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Plan } from '../plan/plan.js';
import { edgeOf } from '../plan/rules/ladder.js';
import { driftOf, standingOf, type Drift, type Standing } from './drift.js';
import type { Found, StepSettings } from './found.js';
import type { KeyedStep } from './keyed-steps.js';
import type { RunEvent } from './run-event.js';
import { NotYet } from '../not-yet.js';
import type { RunLog } from './run-log.js';
import { lookAtStep } from './work/look-at-step.js';
import { World } from './world.js';

/** Between two rounds in which nothing could be done, in ms. */
const PAUSE_MS = 500;

/** So many changes that somebody was told of are remembered. */
const KEPT_TOLD = 50;

export interface WalkParts {
  connection: NatsConnection;
  plan: Plan;
  /** Those that are to be done, each after all that it needs. */
  steps: readonly KeyedStep[];
  /** All of the plan. */
  all: readonly KeyedStep[];
  store: RunStore;
  lease: RunLease;
  log: RunLog;
  by: string;
  settings: StepSettings;
  /** The walk ends when no step could be done for so long, in ms; Infinity: never. */
  waitMs: number;
  signal: AbortSignal;
  onEvent: (event: RunEvent) => void;
  onLook: (run: RunRecord) => void;
}

/** How a walk ended. */
export type WalkEnd = { state: 'done' } | { state: 'waiting' | 'paused' | 'stopped' | 'failed'; why: string };

type Round = WalkEnd | { state: 'moved' } | { state: 'idle' };

/**
 * Walks a playbook in rounds. Each looks at the world as if it were the first: what is done, what is free to be done (all that it
 * comes after is done), what each of these waits for; and makes the effect of the first in the file that is ready, at most. So a
 * walk that ends anywhere is gone on with by the next.
 */
export class Walk {
  readonly #parts: WalkParts;
  readonly #told = new Map<string, string>();
  readonly #startedMs = Date.now();
  #movedMs = systemClock.monotonicMs();
  #isPaused = false;

  constructor(parts: WalkParts) {
    this.#parts = parts;
  }

  /** Until there is nothing left to do, or it cannot go on. */
  async toEnd(): Promise<WalkEnd> {
    const { signal, waitMs, log } = this.#parts;
    for (;;) {
      if (signal.aborted) return { state: 'waiting', why: 'it was interrupted' };
      const round = await this.#patiently(() => this.runOnce());
      if (round.state === 'moved') this.#movedMs = systemClock.monotonicMs();
      else if (round.state !== 'idle') return round;
      else if (systemClock.monotonicMs() - this.#movedMs >= waitMs) return this.#gaveUp();
      else await wait(PAUSE_MS, signal);
      this.#parts.onLook(log.record);
    }
  }

  /** One round: `moved` if a step was done, or its effect made. */
  async runOnce(): Promise<Round> {
    const { log, store, plan } = this.#parts;
    await this.#mustHold();
    const wishes = await store.wishes(plan.name);
    if (this.#pausedBy(wishes)) {
      await log.save();
      return { state: 'idle' };
    }
    const world = new World(this.#parts.connection);
    const round = (await this.#noticeDrift(world)) ?? (await this.#step(world, wishes));
    await log.save();
    return round;
  }

  /** Before anything is changed, nobody else may be at it. */
  async #mustHold(): Promise<void> {
    const { lease, plan } = this.#parts;
    if (lease.isLost)
      throw new BanyanError('BANYAN_RUN_HELD', `another process has taken over the run of ${plan.name}`);
    // Silent for too long, as when the broker was away: the next write of the record shows who has it.
    if (!lease.isHeld) await this.#parts.log.save();
  }

  #pausedBy({ paused }: RunWishes): boolean {
    const { log, onEvent } = this.#parts;
    if (paused !== null && !this.#isPaused) onEvent({ kind: 'paused', by: paused.by });
    if (paused === null && this.#isPaused) onEvent({ kind: 'resumed' });
    this.#isPaused = paused !== null;
    log.set(
      paused === null ? { state: 'running', why: '' } : { state: 'paused', why: `paused by ${paused.by}` },
    );
    return this.#isPaused;
  }

  /** Compares each edge with what the run believes. Defined: one stands lower, which somebody has to be told first. */
  async #noticeDrift(world: World): Promise<WalkEnd | undefined> {
    const edges = new Set(this.#parts.steps.flatMap(({ edge }) => edge ?? []));
    for (const edge of edges) {
      const end = await this.#noticeDriftOf(edge, world);
      if (end !== undefined) return end;
    }
    return undefined;
  }

  async #noticeDriftOf(name: string, world: World): Promise<WalkEnd | undefined> {
    const { plan, all, log, onEvent } = this.#parts;
    const edge = await world.edge(name);
    if (edge === undefined) return undefined;
    const { kind, floor } = edgeOf(plan, name);
    const steps = all.filter((step) => step.edge === name);
    const drift = driftOf({ kind, floor, steps, isMade: (step) => log.isMade(step) }, edge);
    const isNews = !log.record.told.includes(edge.changeId);
    const stop = (why: string): WalkEnd => {
      log.set({ told: [...log.record.told, edge.changeId].slice(-KEPT_TOLD) });
      return { state: 'stopped', why };
    };
    if (drift.kind === 'ahead') {
      for (const step of drift.passed) {
        log.done(step, 'found');
        onEvent({ kind: 'done', step: step.key, how: 'found' });
      }
    }
    // A guard may have been faster than the record of the step that it took back.
    if (drift.kind === 'none' && edge.by === 'guard' && isNews)
      return stop(`${name} was taken back to ${edge.stage} by its guard: ${edge.why ?? ''}`);
    if (drift.kind !== 'lowered') return undefined;
    if (isNews) return stop(loweredText(name, drift, edge));
    for (const step of drift.undone) log.setStep(step, { state: 'todo' });
    return undefined;
  }

  /** Looks at all steps that are free, in the order of the file, up to the first that is ready. */
  async #step(world: World, wishes: RunWishes): Promise<Round> {
    const { steps, log, all } = this.#parts;
    let moved = false;
    for (const step of steps) {
      const isFree = step.after.every((index) =>
        all.some((each) => each.index === index && log.isDone(each)),
      );
      if (log.isDone(step) || !isFree) continue;
      const end = await this.#lookAt(step, { world, wishes });
      if (end === 'acted') return { state: 'moved' };
      if (end === 'done') moved = true;
      else if (end !== undefined) return end;
    }
    if (steps.every((step) => log.isDone(step))) return { state: 'done' };
    return { state: moved ? 'moved' : 'idle' };
  }

  async #lookAt(
    step: KeyedStep,
    { world, wishes }: { world: World; wishes: RunWishes },
  ): Promise<'acted' | 'done' | WalkEnd | undefined> {
    const { plan, by, settings, signal } = this.#parts;
    const postponed = wishes.postponed.find((each) => each.step === step.key);
    const isPostponed = postponed !== undefined;
    const context = { plan, step, world, by, settings, startedMs: this.#startedMs, signal, isPostponed };
    const found: Found = await lookAtStep(context);
    if (found.kind === 'ready' && postponed !== undefined) {
      this.#tell(step, { kind: 'waiting', missing: [`postponed by ${postponed.by}; it is ready otherwise`] });
      return undefined;
    }
    if (found.kind === 'ready') return this.#act(step, found);
    if (found.kind === 'failed') return this.#failed(step, found.why);
    this.#tell(step, found);
    return found.kind === 'done' ? 'done' : undefined;
  }

  /** Undefined: it was not done, and the next round will look again. */
  async #act(
    step: KeyedStep,
    { why, act }: Extract<Found, { kind: 'ready' }>,
  ): Promise<'acted' | WalkEnd | undefined> {
    const { log, onEvent, lease } = this.#parts;
    log.setStep(step, { state: 'doing', since: new Date().toISOString() });
    log.set({ current: step.key });
    await log.save();
    if (!lease.isHeld) return undefined;
    onEvent({ kind: 'acting', step: step.key, why });
    try {
      await act();
    } catch (error) {
      if (!isBanyanError(error) || isAway(error)) throw error;
      if (error instanceof NotYet) {
        this.#tell(step, { kind: 'waiting', missing: [error.rawMessage] });
        return undefined;
      }
      if (error.code !== 'BANYAN_STAGE_CONFLICT')
        return this.#failed(step, `${error.rawMessage}. ${error.remedy}`);
      onEvent({ kind: 'overtaken', step: step.key, why: error.rawMessage });
      return undefined;
    }
    onEvent({ kind: 'acted', step: step.key });
    return 'acted';
  }

  #failed(step: KeyedStep, why: string): WalkEnd {
    this.#parts.log.setStep(step, { state: 'failed', at: new Date().toISOString(), why });
    return { state: 'failed', why: `${step.key}: ${why}` };
  }

  /** Notes how a step stands, and tells what is new. */
  #tell(step: KeyedStep, found: Exclude<Found, { kind: 'ready' | 'failed' }>): void {
    const { log, onEvent } = this.#parts;
    const { key } = step;
    const before = log.stateOf(step);
    if (found.kind === 'done') {
      const how = before.state === 'todo' ? 'found' : 'walked';
      log.done(step, how, found.changeId);
      onEvent({ kind: 'done', step: key, how });
      return;
    }
    const change = found.changeId === undefined ? {} : { changeId: found.changeId };
    if (found.kind === 'soaking') {
      const until = new Date(found.untilMs).toISOString();
      log.setStep(step, { state: 'soaking', until, changeId: found.changeId });
      if (this.#isNews(key, until)) onEvent({ kind: 'soaking', step: key, until });
      return;
    }
    const since = before.state === 'waiting' ? before.since : new Date().toISOString();
    log.setStep(step, { state: 'waiting', missing: found.missing, since, ...change });
    // Without the figures in it: a log is to have a line for each reason, not for each look.
    if (this.#isNews(key, found.missing.join('; ').replace(/\d+/g, '')))
      onEvent({ kind: 'waiting', step: key, missing: found.missing });
  }

  #isNews(key: string, text: string): boolean {
    const isNew = this.#told.get(key) !== text;
    this.#told.set(key, text);
    return isNew;
  }

  #gaveUp(): WalkEnd {
    const { log } = this.#parts;
    if (this.#isPaused) return { state: 'paused', why: log.record.why };
    const missing = log.record.steps.flatMap((step) => {
      if (step.state === 'waiting') return [`${step.key}: ${step.missing.join('; ')}`];
      return step.state === 'soaking' ? [`${step.key}: soaks until ${step.until}`] : [];
    });
    return { state: 'waiting', why: missing.join(' | ') };
  }

  /** A broker that is away is asked again: nothing is half done that the next round would not see. */
  async #patiently(work: () => Promise<Round>): Promise<Round> {
    try {
      return await work();
    } catch (error) {
      const { connection, onEvent } = this.#parts;
      if (!isBanyanError(error) || !isAway(error) || connection.isClosed()) throw error;
      if (this.#isNews('', error.rawMessage)) onEvent({ kind: 'away', why: error.rawMessage });
      return { state: 'idle' };
    }
  }
}

function isAway({ code }: BanyanError): boolean {
  return code === 'BANYAN_CONTROL_UNREACHABLE' || code === 'BANYAN_AUDIT_UNWRITABLE';
}

function loweredText(
  name: string,
  { believed }: Extract<Drift, { kind: 'lowered' }>,
  edge: { stage: Standing['stage']; ramp: { share: number } | null; by: string | null; why: string | null },
): string {
  const at = ({ stage, share }: Standing): string => (share < 100 ? `${stage} for ${share} %` : stage);
  const standing = at(
    standingOf({ stage: edge.stage, ramp: edge.ramp && { from: edge.stage, share: edge.ramp.share } }),
  );
  const who = edge.by === null ? '' : `, taken back by ${edge.by}: ${edge.why ?? ''}`;
  return `${name} stands at ${standing}, below ${at(believed)} where this run left it${who}`;
}
