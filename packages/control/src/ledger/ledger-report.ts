/**
 * The books of one process: what its clients called, and who called its servers. Ages are by the process's own monotonic
 * clock, so that nobody's wall clock matters.
 */
export interface LedgerReport {
  /** Absent: the process has no client that is built with a ledger. */
  client?: ClientLedgerReport;
  /** Absent: the process has no server that is built with a ledger. */
  server?: ServerLedgerReport;
}

export interface ClientLedgerReport {
  /** What its calls carry: version of the library and an id unlike any other ledger's, `0.1.0/3f9a1c2e`. */
  mark: string;
  /** How long the ledger is kept, in ms. */
  upMs: number;
  methods: CalledMethod[];
}

/** What the clients of a process called, as it went over the wire: what an edge answers by itself is not in it. */
export interface CalledMethod {
  /** `/package.Service/Method`; `other` beyond the first 500. */
  path: string;
  started: number;
  /** Ended calls by the name of their status: `OK`, `UNAVAILABLE` … */
  ended: Record<string, number>;
  /** How many of `started` came through the interceptor of an edge. */
  onEdge: number;
  lastAgoMs: number;
}

export interface ServerLedgerReport {
  /** Unlike any other server ledger's. */
  id: string;
  /** How long the ledger is kept, in ms: all calls since are in it. */
  upMs: number;
  callers: MethodCaller[];
}

/** Who called a method of this process. */
export interface MethodCaller {
  /** `/package.Service/Method`. */
  path: string;
  /** As it names itself; `unknown`: it does not; `others`: beyond the first 300 callers of all methods. */
  caller: string;
  calls: number;
  lastAgoMs: number;
  processes: CallingProcess[];
}

/** Calls by the ledger that they were booked in on their way out. */
export interface CallingProcess {
  /** See `ClientLedgerReport`; `NO_MARK`: their client keeps no ledger; `OTHER_MARKS`: of those that were long not seen. */
  mark: string;
  calls: number;
  /** How many of `calls` were repeated attempts of grpc, which the caller's ledger knows as one call. */
  repeated: number;
  lastAgoMs: number;
}

/** The mark of a call whose client keeps no ledger. */
export const NO_MARK = '';
export const OTHER_MARKS = 'other';

/** Callers that may be anybody. */
export const UNNAMED_CALLERS: ReadonlySet<string> = new Set(['unknown', 'others']);

/** The library's version that a mark tells; undefined: it tells none. */
export function versionOfMark(mark: string): string | undefined {
  const cut = mark.indexOf('/');
  return cut <= 0 ? undefined : mark.slice(0, cut);
}

/** Whoever may publish can answer rubbish: whether something has the outline of a ledger's report. */
export function isLedgerReport(value: unknown): value is LedgerReport {
  if (!isRecord(value)) return false;
  const { client, server } = value;
  return (client === undefined || isClient(client)) && (server === undefined || isServer(server));
}

function isClient(value: unknown): boolean {
  return isRecord(value) && typeof value['mark'] === 'string' && isListOf(value['methods'], isMethod);
}

function isServer(value: unknown): boolean {
  return isRecord(value) && typeof value['id'] === 'string' && isListOf(value['callers'], isCaller);
}

function isMethod({ path, started, ended, onEdge, lastAgoMs }: Record<string, unknown>): boolean {
  return typeof path === 'string' && isRecord(ended) && [started, onEdge, lastAgoMs].every(isCount);
}

function isCaller({ path, caller, calls, lastAgoMs, processes }: Record<string, unknown>): boolean {
  const named = typeof path === 'string' && typeof caller === 'string';
  return named && [calls, lastAgoMs].every(isCount) && isListOf(processes, isProcess);
}

function isProcess({ mark, calls, repeated, lastAgoMs }: Record<string, unknown>): boolean {
  return typeof mark === 'string' && [calls, repeated, lastAgoMs].every(isCount);
}

function isListOf(value: unknown, isOne: (each: Record<string, unknown>) => boolean): boolean {
  return Array.isArray(value) && value.every((each: unknown) => isRecord(each) && isOne(each));
}

const isCount = (value: unknown): boolean => typeof value === 'number' && value >= 0;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
