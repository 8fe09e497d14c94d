/** What the gateway says when it does not do as asked (RFC 9457), and what the page says when it hears nothing. */
export interface Problem {
  /** The HTTP status; 0: there was no answer. */
  status: number;
  title: string;
  detail?: string;
  code?: string;
  /** What to do about it. */
  remedy?: string;
  /** Of a gate that did not pass. */
  outcome?: 'fail' | 'not-enough';
  reasons?: string[];
}

export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem, cause?: unknown) {
    super(problem.detail ?? problem.title, { cause });
    this.name = 'ApiError';
    this.problem = problem;
  }
}

/** Reads an answer that is none; one that is no problem+json (from a proxy, say) is told by its status. */
export function problemOf(status: number, body: unknown): Problem {
  const fields = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const { title, detail, code, remedy, outcome, reasons } = fields;
  return {
    status,
    title: isText(title) ? title : `The gateway answered with status ${status}`,
    ...(isText(detail) ? { detail } : {}),
    ...(isText(code) ? { code } : {}),
    ...(isText(remedy) ? { remedy } : {}),
    ...(outcome === 'fail' || outcome === 'not-enough' ? { outcome } : {}),
    ...(Array.isArray(reasons) ? { reasons: reasons.filter(isText) } : {}),
  };
}

/** What to show of an error, whatever was thrown. */
export function problemIn(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return { status: 0, title: 'The page failed', detail };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
