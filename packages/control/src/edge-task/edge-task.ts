import { parseEdge } from '../edge-name.js';
import type { RehearsalCounts } from '../rehearsal/rehearsal-record.js';
import type { ComparisonOutcome, FieldDifference } from '../report.js';

/** Core NATS subject on which every process that has an edge answers an empty request with an `EdgeFound`. */
export function edgeFindSubjectOf(edge: string): string {
  return `banyan.edge.find.${parseEdge(edge).key}`;
}

/** A process that has an edge, and where it takes tasks for it. */
export interface EdgeFound {
  /** Subject of this very process: `banyan.edge.task.<edge>.<id>`. Restrict `banyan.edge.task.>` to operators. */
  at: string;
  service: string;
  instance: string;
  pid: number;
}

/** What an operator asks of one process for one edge. */
export type EdgeTask =
  /** Ask both sides again. `requestBytes`, in base64: for a process that does not hold the mismatch itself. */
  | { do: 'replay'; id: string; requestBytes?: string }
  /** Ask the provider twice for so many of the next calls. */
  | { do: 'calibrate'; samples: number }
  | { do: 'calibration' }
  | CutTask;

/**
 * `cut-off`: nobody of this process reaches the edge's provider for so long (of a reaction: the receiver refuses its calls);
 * it ends by itself, whatever becomes of who asked · `cut` how that goes · `restore` ends it before. All are answered with a
 * `CutReport`.
 */
export type CutTask = { do: 'cut-off'; id: string; forMs: number } | { do: 'cut' | 'restore'; id: string };

/** Nobody means to cut a provider off for longer, in ms. */
export const LONGEST_CUT_MS = 600_000;

/** What a process has seen since its provider was cut off. */
export interface CutReport extends RehearsalCounts {
  id: string;
  isCut: boolean;
  /** Calls that began within that time and have not ended. */
  open: number;
}

/** What came of a replay. */
export type ReplayAnswer =
  | {
      replayed: true;
      outcome: ComparisonOutcome;
      version: number | null;
      differences: FieldDifference[];
      note?: string;
    }
  | { replayed: false; because: string };

/** How far a calibration is, and what it has found. */
export interface CalibrationReport {
  state: 'idle' | 'running' | 'done';
  /** How many calls are to be asked twice. */
  wanted: number;
  /** How many were, and could be judged: both answers have the same version. */
  samples: number;
  /** Asked twice in vain: a call failed, or the versions are missing or differ. */
  unjudged: number;
  /** Fields that differ between two answers of one version, most often first. */
  fields: NoisyField[];
}

export interface NoisyField {
  /** As an ignore rule would have it: `project.updated_at`, `members[*].seen_at`. */
  pattern: string;
  /** In how many samples. */
  times: number;
  /** The rule that would leave it out. */
  propose: { ignore: string } | { unordered: string };
}

export type EdgeTaskResult = ReplayAnswer | CalibrationReport | CutReport;

/** What a process answers to a task. */
export type EdgeTaskAnswer =
  { result: EdgeTaskResult } | { error: { code: string; message: string; remedy: string } };

/** Reads what a process says of itself; undefined for anything else. */
export function decodeEdgeFound(data: string): EdgeFound | undefined {
  const { at, service, instance, pid } = parsed(data);
  if (typeof at !== 'string' || typeof service !== 'string' || typeof instance !== 'string') return undefined;
  return { at, service, instance, pid: Number(pid) };
}

/** Reads a task; undefined for anything else. */
export function decodeEdgeTask(data: string): EdgeTask | undefined {
  const { do: what, id, requestBytes, samples, forMs } = parsed(data);
  if (what === 'calibration') return { do: what };
  if ((what === 'cut' || what === 'restore') && typeof id === 'string') return { do: what, id };
  if (what === 'cut-off' && typeof id === 'string' && isCutTime(forMs)) return { do: what, id, forMs };
  if (what === 'calibrate' && Number.isSafeInteger(samples) && Number(samples) > 0) {
    return { do: what, samples: Number(samples) };
  }
  if (what !== 'replay' || typeof id !== 'string') return undefined;
  return { do: what, id, ...(typeof requestBytes === 'string' ? { requestBytes } : {}) };
}

function isCutTime(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value <= LONGEST_CUT_MS;
}

function parsed(data: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
