import { parseEdge } from '../edge-name.js';
import { UNNAMED_CALLERS, type MethodCaller, type ServerLedgerReport } from './ledger-report.js';
import { methodOf } from './method-path.js';

/** That nobody had called on an edge for a time, as it was proven at one moment. */
export interface QuietProof {
  edge: string;
  /** When it was proven, ISO 8601. */
  at: string;
  by: string;
  /** How long nobody had called, in ms. */
  forMs: number;
  /** What each server ledger had counted by then, by its id: one more is a call that should not be. */
  calls: Record<string, number>;
  /** Processes that did not answer, and are gone or serve nothing as whoever asked says. */
  except: string[];
  /** A call came all the same. */
  revoked?: StrayCall;
}

/** A call on an edge that had been proven quiet. */
export interface StrayCall {
  /** When the last one was, ISO 8601. */
  at: string;
  /** As it names itself; `unknown` or `others`: it may be anybody. */
  caller: string;
  /** The ledger that it is booked in; empty: none. */
  mark: string;
  /** The process that was called. */
  server: string;
  calls: number;
}

/** What a provider's book has of an edge: its caller's calls, and those of callers that may be it. */
export function suspectsOf(edge: string, { callers }: Pick<ServerLedgerReport, 'callers'>): MethodCaller[] {
  const { caller, method } = parseEdge(edge);
  const mayBe = (each: MethodCaller): boolean => each.caller === caller || UNNAMED_CALLERS.has(each.caller);
  return callers.filter((each) => methodOf(each.path) === method && mayBe(each));
}

export function callsOf(edge: string, book: Pick<ServerLedgerReport, 'callers'>): number {
  return suspectsOf(edge, book).reduce((sum, { calls }) => sum + calls, 0);
}

/** The call that a provider has counted since a proof; undefined: there is none. */
export function strayOf(
  { edge, calls }: QuietProof,
  book: ServerLedgerReport,
  server: string,
): StrayCall | undefined {
  const since = callsOf(edge, book) - (calls[book.id] ?? 0);
  const [latest] = suspectsOf(edge, book).sort((a, b) => a.lastAgoMs - b.lastAgoMs);
  if (since <= 0 || latest === undefined) return undefined;
  const [process] = latest.processes.toSorted((a, b) => a.lastAgoMs - b.lastAgoMs);
  const at = new Date(Date.now() - latest.lastAgoMs).toISOString();
  return { at, caller: latest.caller, mark: process?.mark ?? '', server, calls: since };
}
