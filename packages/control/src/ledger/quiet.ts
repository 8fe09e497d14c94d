import { parseEdge } from '../edge-name.js';
import type { ProcessReport } from '../report.js';
import type { Look, ServerBook } from './books.js';
import { UNNAMED_CALLERS } from './ledger-report.js';
import type { ServerRecord } from './ledger-store.js';
import { endsIn, methodOf } from './method-path.js';
import { suspectsOf, type QuietProof } from './quiet-proof.js';

export interface QuietQuestion {
  edge: string;
  /** For how long nobody must have called, in ms. */
  forMs: number;
  /** Ids or names of processes that are gone, or serve nothing, as whoever asks says. */
  except: readonly string[];
}

/** What is known when it is asked. */
export interface QuietKnown {
  look: Look;
  /** All server ledgers of the provider that there are and were. */
  servers: readonly ServerRecord[];
  /** The edge's last proof. */
  proof: QuietProof | undefined;
  nowMs: number;
}

/** A call that was seen within the window. */
export interface SeenCall {
  caller: string;
  agoMs: number;
  /** Which process has seen or made it. */
  process: string;
  /** In whose book it is. */
  book: 'provider' | 'caller' | 'tombstone' | 'proof';
  /** The ledger that it is booked in; empty: none. */
  mark: string;
}

/** Why it cannot be said. */
export interface QuietGap {
  why: string;
  /** When it will be enough if nothing else comes, ms since 1970; null: that takes somebody to do something. */
  enoughAtMs: number | null;
}

export type QuietVerdict =
  | { outcome: 'proven'; processes: { process: string; id: string; upMs: number }[] }
  | { outcome: 'called'; calls: SeenCall[] }
  | { outcome: 'not-enough'; gaps: QuietGap[] };

/**
 * Whether nobody has called on an edge for a time. Proven only if every server of the provider that was ever heard of has
 * been counting for the whole window and answers now: what nobody counted may have been a call.
 */
export function quietVerdict(question: QuietQuestion, known: QuietKnown): QuietVerdict {
  const calls = [...served(question, known), ...made(question, known), ...refused(question, known)];
  calls.push(...revokedCalls(question, known));
  if (calls.length > 0) return { outcome: 'called', calls: calls.sort((a, b) => a.agoMs - b.agoMs) };
  const gaps = [...unnamed(question, known), ...young(question, known), ...uncounted(question, known)];
  gaps.push(...absent(question, known));
  if (gaps.length > 0) return { outcome: 'not-enough', gaps };
  const processes = booksOf(question, known).map(({ id, upMs, process }) => {
    return { process: process.instance, id, upMs };
  });
  return { outcome: 'proven', processes };
}

function booksOf({ edge }: QuietQuestion, { look }: QuietKnown): ServerBook[] {
  const { provider } = parseEdge(edge);
  return [...look.servers.values()].filter(({ process }) => process.service === provider);
}

/** Of the provider's book. */
function served(question: QuietQuestion, known: QuietKnown): SeenCall[] {
  return booksOf(question, known).flatMap((book) =>
    suspectsOf(question.edge, book)
      .filter(({ caller, lastAgoMs }) => !UNNAMED_CALLERS.has(caller) && lastAgoMs < question.forMs)
      .map(({ caller, lastAgoMs: agoMs, processes }): SeenCall => {
        const mark = processes.find((each) => each.lastAgoMs === agoMs)?.mark ?? '';
        return { caller, agoMs, process: book.process.instance, book: 'provider', mark };
      }),
  );
}

/** Of the callers' books: it may have gone to a server that nobody knows. */
function made({ edge, forMs }: QuietQuestion, { look }: QuietKnown): SeenCall[] {
  const name = parseEdge(edge);
  const books = [...look.clients.values()].filter(({ process }) => process.service === name.caller);
  return books.flatMap(({ mark, methods, process }) =>
    methods
      .filter(({ path, lastAgoMs }) => lastAgoMs < forMs && endsIn(name, path, look))
      .map(({ lastAgoMs: agoMs }): SeenCall => {
        return { caller: name.caller, agoMs, process: process.instance, book: 'caller', mark };
      }),
  );
}

/** What tombstones have counted, also in a process that keeps no ledger. */
function refused({ edge, forMs }: QuietQuestion, { look, nowMs }: QuietKnown): SeenCall[] {
  const name = parseEdge(edge);
  const providers = look.processes.filter(({ service }) => service === name.provider);
  return providers.flatMap(({ tombstones = [], instance: process }) =>
    tombstones
      .filter(({ method }) => methodOf(method) === name.method)
      .flatMap(({ callers }) => callers.filter(({ caller }) => caller === name.caller))
      .map(({ caller, lastAt }) => ({ caller, agoMs: nowMs - Date.parse(lastAt), process }))
      .filter(({ agoMs }) => agoMs < forMs)
      .map((call): SeenCall => ({ ...call, book: 'tombstone', mark: '' })),
  );
}

/** The process that has told of it may have ended since. */
function revokedCalls({ forMs }: QuietQuestion, { proof, nowMs }: QuietKnown): SeenCall[] {
  if (proof?.revoked === undefined) return [];
  const { at, caller, mark, server: process } = proof.revoked;
  const agoMs = nowMs - Date.parse(at);
  return agoMs < forMs ? [{ caller, agoMs, process, book: 'proof', mark }] : [];
}

function unnamed(question: QuietQuestion, known: QuietKnown): QuietGap[] {
  return booksOf(question, known).flatMap((book) =>
    suspectsOf(question.edge, book)
      .filter(({ caller, lastAgoMs }) => UNNAMED_CALLERS.has(caller) && lastAgoMs < question.forMs)
      .map(({ caller, lastAgoMs }) => {
        const at = timeOf(known.nowMs - lastAgoMs);
        const why = `${book.process.instance} was called at ${at} by ${caller}: that may be anybody`;
        return { why, enoughAtMs: known.nowMs - lastAgoMs + question.forMs };
      }),
  );
}

function young(question: QuietQuestion, known: QuietKnown): QuietGap[] {
  return booksOf(question, known)
    .filter(({ upMs }) => upMs < question.forMs)
    .map(({ upMs, process }) => {
      const at = timeOf(known.nowMs - upMs);
      const why = `${process.instance} counts since ${at} only: it began within the time that is asked for`;
      return { why, enoughAtMs: known.nowMs - upMs + question.forMs };
    });
}

/** Processes of the provider that answer, and keep no book of their callers. */
function uncounted({ edge, except }: QuietQuestion, { look }: QuietKnown): QuietGap[] {
  const { provider } = parseEdge(edge);
  const processes = look.processes.filter(({ service }) => service === provider);
  const without = processes.filter((each) => each.ledger?.server === undefined && !isExcepted(each, except));
  const gaps = without.map(({ instance }) => ({
    why: `${instance} keeps no ledger of its callers: build its servers with serverLedger, or, if it serves nothing, give --except ${instance}`,
    enoughAtMs: null,
  }));
  if (processes.some(({ ledger }) => ledger?.server !== undefined)) return gaps;
  return [...gaps, { why: `no process of ${provider} that keeps a ledger has answered`, enoughAtMs: null }];
}

function isExcepted({ instance }: ProcessReport, except: readonly string[]): boolean {
  return except.includes(instance);
}

/** Servers that there were, and that cannot be asked. */
function absent({ forMs, except }: QuietQuestion, { look, servers, nowMs }: QuietKnown): QuietGap[] {
  const gone = servers.filter(({ id, process }) => {
    return !look.servers.has(id) && !except.includes(id) && !except.includes(process);
  });
  return gone.flatMap(({ id, process, beatAt, endedAt }): QuietGap[] => {
    if (endedAt === undefined) {
      const why = `${process} (${id}) was last heard of at ${beatAt}, and does not answer: once it is gone for sure, give --except ${id}`;
      return [{ why, enoughAtMs: null }];
    }
    const enoughAtMs = Date.parse(endedAt) + forMs;
    if (enoughAtMs <= nowMs) return [];
    return [{ why: `${process} (${id}) ended at ${endedAt}: what it counted is lost`, enoughAtMs }];
  });
}

const timeOf = (ms: number): string => new Date(ms).toISOString();
