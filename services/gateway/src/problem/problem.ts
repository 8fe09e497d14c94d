/** What a failed request is answered with, as `application/problem+json` (RFC 9457). */
export interface Problem {
  /** `about:blank`: the status and `code` say what it is. */
  type: string;
  title: string;
  status: number;
  /** For programs: the service's reason, e.g. `TASK_NOT_FOUND`, a code of docs/errors.md, or the name of a gRPC status. */
  code: string;
  /** What happened, with the value seen. */
  detail: string;
  /** What to do about it. */
  remedy: string;
  /** Whose refusal it is, if not the gateway's own. */
  service?: string;
  /** Values that the refusal is about. */
  values?: Record<string, string>;
  /** Of a gate that was not passed: its verdict, and why. */
  outcome?: 'fail' | 'not-enough';
  reasons?: string[];
  /** Of a gate: by which settings it judged; see `NextGate`. */
  settingsFrom?: string;
  /** Which fields of the request are wrong. */
  errors?: { field: string; description: string }[];
  /** Under which the request is logged. */
  requestId?: string;
}

const TITLES: Record<number, string> = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Refused as things stand',
  412: 'Changed meanwhile',
  413: 'Too large',
  415: 'Unsupported media type',
  429: 'Too many requests',
  500: 'Internal error',
  501: 'Not implemented',
  503: 'Away for now',
  504: 'Took too long',
};

/** Fills in what follows from the status. */
export function problem(given: Omit<Problem, 'type' | 'title'>): Problem {
  return { type: 'about:blank', title: TITLES[given.status] ?? 'Request failed', ...given };
}

/** A failure that says by itself how it is to be told. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(given: Omit<Problem, 'type' | 'title'>, cause?: unknown) {
    super(`${given.code}: ${given.detail}`, cause === undefined ? undefined : { cause });
    this.name = 'ProblemError';
    this.problem = problem(given);
  }
}
