import type { Books, ClientBook, Look } from './books.js';
import {
  NO_MARK,
  OTHER_MARKS,
  UNNAMED_CALLERS,
  type CalledMethod,
  type MethodCaller,
} from './ledger-report.js';
import { methodOf, providerOf } from './method-path.js';

/**
 * Something that the books show and that should not be:
 * `past-edge` a client of a process was built without the interceptor of an edge that the process has ·
 * `no-ledger` calls in the name of a service whose other calls are booked ·
 * `unowned` more calls arrived with a ledger's mark than the ledger has: somebody passes metadata on ·
 * `unknown` calls that do not say who makes them ·
 * `silent-caller` calls of a ledger whose process does not report ·
 * `silent-provider` a ledger has calls answered that no provider's book has.
 */
export interface Finding {
  kind: 'past-edge' | 'no-ledger' | 'unowned' | 'unknown' | 'silent-caller' | 'silent-provider';
  caller: string;
  provider: string;
  method: string;
  /** `/package.Service/Method`. */
  path: string;
  /** How many, since the processes began that saw them; of what only a window shows: within it. */
  calls: number;
  /** How many of them within the window. */
  inWindow: number;
  /** When the last of them was; null: not known. */
  lastAgoMs: number | null;
  /** Where it was seen: instances of processes. */
  seenBy: string[];
}

/**
 * Holds the two sides' books against each other. Counts are compared only of processes that were there in all looks, so
 * that one that starts, stops or dies meanwhile raises no false alarm; what a call carries itself (no mark, no name) needs
 * no second look.
 */
export function balance(books: Books): Finding[] {
  return [
    ...pastEdges(books),
    ...unmarked(books),
    ...unowned(books),
    ...silentCallers(books),
    ...silentProviders(books),
  ];
}

function pastEdges({ opening, closing }: Books): Finding[] {
  return [...closing.clients.values()].flatMap((book) =>
    book.methods
      .filter(({ path, started, onEdge }) => started > onEdge && hasEdge(book, path, closing))
      .map((method) => {
        const earlier = opening.called(book.mark, method.path);
        const inWindow = pastOf(method) - (earlier === undefined ? 0 : pastOf(earlier));
        const caller = book.process.service;
        const { lastAgoMs } = method;
        const seen = { calls: pastOf(method), inWindow, lastAgoMs: inWindow > 0 ? lastAgoMs : null };
        return findingOf(
          'past-edge',
          { caller, path: method.path, look: closing },
          { ...seen, by: [book.process.instance] },
        );
      }),
  );
}

const pastOf = ({ started, onEdge }: CalledMethod): number => started - onEdge;

/** Reactions make their calls themselves: only query edges stand in a client. */
function hasEdge({ process }: ClientBook, path: string, look: Look): boolean {
  const name = `${process.service} -> ${providerOf(path, look)}.${methodOf(path)}`;
  return process.edges.some(({ edge, kind }) => kind === 'query' && edge === name);
}

/** Calls that no ledger has, by what they carry. A caller of whom no process keeps a ledger is no finding: it has yet to begin. */
function unmarked(books: Books): Finding[] {
  const keeping = new Set([...books.closing.clients.values()].map(({ process }) => process.service));
  return pairsOf(books.closing).flatMap(({ path, caller }) => {
    const kind = UNNAMED_CALLERS.has(caller) ? 'unknown' : 'no-ledger';
    if (kind === 'no-ledger' && !keeping.has(caller)) return [];
    const seen = seenOf(books, { path, caller, mark: kind === 'unknown' ? undefined : NO_MARK });
    return seen.calls === 0 ? [] : [findingOf(kind, { caller, path, look: books.closing }, seen)];
  });
}

/** What arrived between the inner looks was begun before the last one, and had not ended at the first. */
function unowned(books: Books): Finding[] {
  return marksOf(books.closing).flatMap(({ path, caller, mark }) => {
    if (!books.before.clients.has(mark) || !books.after.clients.has(mark)) return [];
    if (isFolded(books.opening, path, caller)) return [];
    const sent = startedOf(books.after.called(mark, path)) - endedOf(books.before.called(mark, path));
    const seen = seenOf(books, { path, caller, mark });
    const calls = seen.firstAttempts - sent;
    const named = { caller, path, look: books.closing };
    return calls > 0 ? [findingOf('unowned', named, { ...seen, calls, inWindow: calls })] : [];
  });
}

function silentCallers(books: Books): Finding[] {
  const looks = [books.before, books.opening, books.closing, books.after];
  return marksOf(books.closing).flatMap(({ path, caller, mark }) => {
    if (looks.some(({ clients }) => clients.has(mark)) || isFolded(books.opening, path, caller)) return [];
    const seen = seenOf(books, { path, caller, mark });
    return seen.inWindow > 0 ? [findingOf('silent-caller', { caller, path, look: books.closing }, seen)] : [];
  });
}

/** What was begun and answered between the inner looks has arrived between the outer ones. */
function silentProviders(books: Books): Finding[] {
  const { before, opening, closing, after } = books;
  return [...closing.clients.values()].flatMap(({ mark, process, methods }) => {
    if (!opening.clients.has(mark)) return [];
    return methods.flatMap(({ path }) => {
      const provider = providerOf(path, closing);
      if (!isSettled(books, provider)) return [];
      const earlier = opening.called(mark, path);
      const underWay = startedOf(earlier) - endedOf(earlier);
      const answered = okOf(closing.called(mark, path)) - okOf(earlier) - underWay;
      const received = receivedOf(after, path, mark) - receivedOf(before, path, mark);
      const calls = answered - received;
      if (Number.isNaN(calls) || calls <= 0) return [];
      const named = { caller: process.service, path, look: closing };
      const seen = { calls, inWindow: calls, lastAgoMs: null, by: [process.instance] };
      return [findingOf('silent-provider', named, seen)];
    });
  });
}

/** The provider keeps books, and the same processes of it in all looks. */
function isSettled({ before, opening, closing, after }: Books, provider: string): boolean {
  const [first, ...others] = [before, opening, closing, after].map(({ servers }) =>
    [...servers.values()]
      .filter(({ process }) => process.service === provider)
      .map(({ id }) => id)
      .sort()
      .join(' '),
  );
  return first !== '' && others.every((each) => each === first);
}

/** What all servers have of a ledger's calls; NaN if they may have dropped it among others. */
function receivedOf(look: Look, path: string, mark: string): number {
  const pages = [...look.servers.values()].flatMap(({ callers }) =>
    callers.filter((each) => each.path === path),
  );
  const processes = pages.flatMap((page) => page.processes);
  if (processes.some((each) => each.mark === OTHER_MARKS)) return NaN;
  return processes.reduce((sum, each) => sum + (each.mark === mark ? each.calls : 0), 0);
}

/** Some server tells no more of all ledgers apart: one that it tells now may have been among the others before. */
function isFolded(look: Look, path: string, caller: string): boolean {
  return [...look.servers.keys()].some((id) =>
    look.caller(id, path, caller)?.processes.some(({ mark }) => mark === OTHER_MARKS),
  );
}

interface Pair {
  path: string;
  caller: string;
}

function pairsOf(look: Look): Pair[] {
  const pairs = [...look.servers.values()].flatMap(({ callers }) => callers);
  return unique(pairs.map(({ path, caller }) => ({ path, caller })));
}

/** The ledgers whose calls have arrived. */
function marksOf(look: Look): (Pair & { mark: string })[] {
  const pages = [...look.servers.values()].flatMap(({ callers }) => callers);
  const marks = pages.flatMap(({ path, caller, processes }) =>
    processes.map(({ mark }) => ({ path, caller, mark })),
  );
  return unique(marks).filter(({ mark }) => mark !== NO_MARK && mark !== OTHER_MARKS);
}

function unique<T extends object>(all: readonly T[]): T[] {
  return [...new Map(all.map((each) => [JSON.stringify(each), each])).values()];
}

interface Seen {
  calls: number;
  inWindow: number;
  lastAgoMs: number | null;
  by: string[];
}

/** What the servers have of a caller, or of one of its ledgers; within the window: those that were there at its opening. */
function seenOf(
  { opening, closing }: Books,
  { path, caller, mark }: Pair & { mark: string | undefined },
): Seen & { firstAttempts: number } {
  const seen = {
    calls: 0,
    inWindow: 0,
    firstAttempts: 0,
    lastAgoMs: null as number | null,
    by: [] as string[],
  };
  for (const { id, process } of closing.servers.values()) {
    const now = countsOf(closing.caller(id, path, caller), mark);
    if (now.calls === 0) continue;
    seen.calls += now.calls;
    seen.lastAgoMs = Math.min(seen.lastAgoMs ?? Infinity, now.lastAgoMs);
    seen.by.push(process.instance);
    if (!opening.servers.has(id)) continue;
    const then = countsOf(opening.caller(id, path, caller), mark);
    seen.inWindow += now.calls - then.calls;
    seen.firstAttempts += now.calls - now.repeated - (then.calls - then.repeated);
  }
  return seen;
}

function countsOf(page: MethodCaller | undefined, mark: string | undefined) {
  const processes = page?.processes.filter((each) => mark === undefined || each.mark === mark) ?? [];
  return {
    calls: processes.reduce((sum, { calls }) => sum + calls, 0),
    repeated: processes.reduce((sum, { repeated }) => sum + repeated, 0),
    lastAgoMs: Math.min(...processes.map(({ lastAgoMs }) => lastAgoMs)),
  };
}

const startedOf = (method: CalledMethod | undefined): number => method?.started ?? 0;
const okOf = (method: CalledMethod | undefined): number => method?.ended['OK'] ?? 0;
const endedOf = (method: CalledMethod | undefined): number =>
  Object.values(method?.ended ?? {}).reduce((sum, calls) => sum + calls, 0);

function findingOf(
  kind: Finding['kind'],
  { caller, path, look }: Pair & { look: Look },
  { calls, inWindow, lastAgoMs, by }: Seen,
): Finding {
  const [provider, method] = [providerOf(path, look), methodOf(path)];
  return { kind, caller, provider, method, path, calls, inWindow, lastAgoMs, seenBy: by };
}
