import { randomUUID } from 'node:crypto';
import type { FoundRun, RunRecord, RunStep, RunStepName, RunStepState, RunStore } from '@banyan/control';
import { BanyanError } from '@banyan/runtime';
import type { Plan } from '../plan/plan.js';
import { planDigest, type KeyedStep } from './keyed-steps.js';

/** How a playbook differs from the one that a run began with. */
export interface PlaybookChange {
  added: string[];
  altered: string[];
  gone: string[];
}

/** The record of a run as one that walks it keeps it: in memory, and after each change in the bucket. */
export class RunLog {
  readonly #store: RunStore;
  readonly #by: string;
  #record: RunRecord;
  #revision: number | undefined;
  #written = '';

  constructor(
    store: RunStore,
    { record, revision, by }: { record: RunRecord; revision: number | undefined; by: string },
  ) {
    this.#store = store;
    this.#record = record;
    this.#revision = revision;
    this.#by = by;
  }

  get record(): RunRecord {
    return this.#record;
  }

  stateOf({ key }: KeyedStep): RunStepState {
    return this.#record.steps.find((step) => step.key === key) ?? { state: 'todo' };
  }

  isDone(step: KeyedStep): boolean {
    return this.stateOf(step).state === 'done';
  }

  /** Whether a move is made: it is done, or its change is known and it only settles. */
  isMade(step: KeyedStep): boolean {
    return isMadeState(this.stateOf(step));
  }

  setStep({ key }: KeyedStep, state: RunStepState): void {
    const steps = this.#record.steps.map((step) => (step.key === key ? { ...nameOf(step), ...state } : step));
    this.#record = { ...this.#record, steps };
  }

  done(step: KeyedStep, how: 'walked' | 'found', changeId?: string): void {
    const at = new Date().toISOString();
    const change = changeId === undefined ? {} : { changeId };
    this.setStep(step, { state: 'done', at, by: this.#by, how, ...change });
  }

  set(changed: Partial<Pick<RunRecord, 'state' | 'why' | 'current' | 'told' | 'scope'>>): void {
    this.#record = { ...this.#record, ...changed };
  }

  /** Writes what has changed. @throws BANYAN_RUN_HELD if somebody else writes this run: it has been taken over */
  async save(): Promise<void> {
    const { updatedAt: _, ...said } = this.#record;
    const text = JSON.stringify(said);
    if (text === this.#written) return;
    const record = { ...said, updatedAt: new Date().toISOString() };
    const revision = await this.#store.write(record, this.#revision);
    if (revision === undefined)
      throw new BanyanError(
        'BANYAN_RUN_HELD',
        `another process has taken over the run of ${record.playbook}`,
      );
    [this.#record, this.#revision, this.#written] = [record, revision, text];
  }
}

/** Of a move: it is done, or its change is known and it only settles. */
export function isMadeState(state: RunStepState): boolean {
  return state.state === 'done' || 'changeId' in state;
}

/** The run of a playbook as the last one left it, or a new one; with the playbook's steps as they are now. */
export function runOf(
  plan: Plan,
  steps: readonly KeyedStep[],
  { before, by }: { before: FoundRun['record']; by: string },
): { record: RunRecord; changed: PlaybookChange | undefined } {
  const now = new Date().toISOString();
  const digest = planDigest(plan);
  const old = before ?? newRun(by, now);
  const record: RunRecord = {
    ...old,
    ...{ playbook: plan.name, digest, file: plan.file, by, updatedAt: now },
    steps: steps.map((step) => stepOf(step, before)),
  };
  const changed = before === undefined || before.digest === digest ? undefined : changeOf(before, record);
  return { record, changed };
}

type Bare = Omit<RunRecord, 'playbook' | 'digest' | 'file' | 'by' | 'updatedAt'>;

function newRun(by: string, startedAt: string): Bare {
  const nothing = { why: '', scope: null, current: null, steps: [], told: [] };
  return { id: randomUUID(), state: 'waiting', startedAt, startedBy: by, ...nothing };
}

/** What was known of a step holds while it says the same. */
function stepOf(step: KeyedStep, before: RunRecord | undefined): RunStep {
  const { key, digest, at: place, edge, note } = step;
  const known = before?.steps.find((each) => each.key === key && each.digest === digest);
  const name = { key, digest, place, edge, note: note ?? null };
  if (known === undefined || known.state === 'failed') return { ...name, state: 'todo' };
  return { ...known, ...name };
}

function changeOf(before: RunRecord, after: RunRecord): PlaybookChange {
  const old = new Map(before.steps.map((step) => [step.key, step.digest]));
  const now = new Map(after.steps.map((step) => [step.key, step.digest]));
  return {
    added: [...now.keys()].filter((key) => !old.has(key)),
    altered: [...now].filter(([key, digest]) => old.has(key) && old.get(key) !== digest).map(([key]) => key),
    gone: [...old.keys()].filter((key) => !now.has(key)),
  };
}

function nameOf({ key, digest, place, edge, note }: RunStep): RunStepName {
  return { key, digest, place, edge, note };
}
