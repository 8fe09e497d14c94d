/**
 * A run of a playbook, as it lies in the bucket: all there is to show of it. Whether a step is done is asked of the world; what
 * stands here of it is what a reader may be told, and what the next `banyan apply` believes.
 */
export interface RunRecord {
  /** Of this run; a playbook that was walked to its end begins a new one. */
  id: string;
  /** The playbook's name. */
  playbook: string;
  /** Of what the playbook says: comments and places apart. */
  digest: string;
  /** The file, as it was named. */
  file: string;
  state: RunState;
  /** Why it is not running, for people; empty while it is. */
  why: string;
  /** What is walked: an edge, up to a step; null: all of it. */
  scope: string | null;
  startedAt: string;
  startedBy: string;
  /** Who walked it last. */
  by: string;
  /** Of this record. */
  updatedAt: string;
  /** Key of the step that is being done, or was last; null before the first. */
  current: string | null;
  steps: RunStep[];
  /** Changes below what the run believes that somebody was told of: the next run goes on from there. */
  told: string[];
}

/**
 * `running`: an apply is at it (see `RunView.holder` for whether it lives) · `paused`: an operator paused it · `waiting`: an
 * apply has gone, since a gate did not pass in time or it was interrupted · `stopped`: an edge stands lower than the run left it
 * · `failed`: a step failed · `done`.
 */
export type RunState = 'running' | 'paused' | 'waiting' | 'stopped' | 'failed' | 'done';

/** One step of a run, in the order of the file. Times in ISO 8601. */
export type RunStep = RunStepName & RunStepState;

export interface RunStepName {
  /** Its words, with ` (2)` if the playbook says them twice. */
  key: string;
  /** Of what it says. */
  digest: string;
  /** Where it is written: `playbooks/teams.yaml:41`. */
  place: string;
  /** Canonical text; null for steps of replicas and methods. */
  edge: string | null;
  note: string | null;
}

export type RunStepState =
  | { state: 'todo' }
  /** What is missing. */
  | { state: 'waiting'; missing: string[]; since: string; changeId?: string }
  | { state: 'doing'; since: string }
  /** The change is made and in force; it is watched until then. */
  | { state: 'soaking'; until: string; changeId: string }
  /** `found`: it was so already, whoever did it. */
  | { state: 'done'; at: string; by: string; how: 'walked' | 'found'; changeId?: string }
  | { state: 'failed'; at: string; why: string };

/** What operators ask of a run while it goes on. */
export interface RunWishes {
  paused: { by: string; at: string } | null;
  /** Steps, by key, that are not done until they are released. */
  postponed: { step: string; by: string; at: string }[];
}

export const NO_WISHES: RunWishes = { paused: null, postponed: [] };

/** Who walks a run at present. */
export interface RunHolder {
  /** Of this very walk. */
  id: string;
  by: string;
  host: string;
  pid: number;
  since: string;
}

/** A run with all that is known of it. */
export interface RunView extends RunRecord {
  wishes: RunWishes;
  /** Who walked it last, and whether it said so within the last seconds; null: it let go. */
  holder: (RunHolder & { alive: boolean }) | null;
}

/** Reads a record; undefined for anything that is none. */
export function decodeRun(text: string): RunRecord | undefined {
  const value = parsed(text);
  return isRun(value) ? value : undefined;
}

/** Reads wishes; none for anything that is none. */
export function decodeWishes(text: string): RunWishes {
  const value = parsed(text);
  return isWishes(value) ? value : NO_WISHES;
}

/** Reads a holder; undefined for anything that is none, and for one that has let go. */
export function decodeHolder(text: string): RunHolder | undefined {
  const value = parsed(text);
  return isHolder(value) ? value : undefined;
}

function isRun(value: object): value is RunRecord {
  const { id, playbook, digest, state, steps, told } = value as Record<string, unknown>;
  return areTexts(id, playbook, digest, state) && Array.isArray(steps) && Array.isArray(told);
}

function isWishes(value: object): value is RunWishes {
  const { paused, postponed } = value as Record<string, unknown>;
  return typeof paused === 'object' && Array.isArray(postponed);
}

function isHolder(value: object): value is RunHolder {
  const { id, by, host, pid } = value as Record<string, unknown>;
  return areTexts(id, by, host) && typeof pid === 'number';
}

const areTexts = (...values: unknown[]): boolean => values.every((value) => typeof value === 'string');

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
