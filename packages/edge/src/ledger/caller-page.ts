import type { Metadata } from '@grpc/grpc-js';
import { NO_MARK, OTHER_MARKS, type CallingProcess, type MethodCaller } from '@banyan/control';
import { systemClock } from '@banyan/runtime';
import { LEDGER_HEADER, MAX_NAME } from './headers.js';

/** Grpc says so with attempts that it makes again by itself. */
const ATTEMPTS_HEADER = 'grpc-previous-rpc-attempts';

/** How many processes of a caller are told apart. Beyond, the one that was not seen for the longest becomes `other`. */
const MAX_PROCESSES = 100;

interface Counts {
  calls: number;
  repeated: number;
  lastMs: number;
}

/** What one caller called of one method, by the ledgers that its calls are booked in. */
export class CallerPage {
  readonly #path: string;
  readonly #caller: string;
  readonly #processes = new Map<string, Counts>();

  constructor(path: string, caller: string) {
    this.#path = path;
    this.#caller = caller;
  }

  count(metadata: Metadata): void {
    const [given] = metadata.get(LEDGER_HEADER);
    const mark = typeof given === 'string' ? given : NO_MARK;
    const counts = this.#processes.get(mark) ?? this.#open(mark.slice(0, MAX_NAME));
    counts.calls += 1;
    if (metadata.get(ATTEMPTS_HEADER).length > 0) counts.repeated += 1;
    counts.lastMs = systemClock.monotonicMs();
  }

  /** @param limit how many processes are told at most, the latest first; the rest as `other` */
  report(nowMs: number, limit: number): MethodCaller {
    const latest = [...this.#processes].sort(([, a], [, b]) => b.lastMs - a.lastMs);
    const processes = told(latest, limit).map(([mark, { calls, repeated, lastMs }]): CallingProcess => {
      return { mark, calls, repeated, lastAgoMs: nowMs - lastMs };
    });
    const calls = processes.reduce((sum, each) => sum + each.calls, 0);
    const lastAgoMs = Math.min(...processes.map((each) => each.lastAgoMs));
    return { path: this.#path, caller: this.#caller, calls, lastAgoMs, processes };
  }

  #open(mark: string): Counts {
    const known = this.#processes.get(mark);
    if (known !== undefined) return known;
    if (this.#processes.size >= MAX_PROCESSES) this.#foldOldest();
    const counts = { calls: 0, repeated: 0, lastMs: 0 };
    this.#processes.set(mark, counts);
    return counts;
  }

  #foldOldest(): void {
    const named = [...this.#processes].filter(([mark]) => mark !== OTHER_MARKS && mark !== NO_MARK);
    const [oldest] = named.sort(([, a], [, b]) => a.lastMs - b.lastMs);
    if (oldest === undefined) return;
    this.#processes.delete(oldest[0]);
    const other = this.#processes.get(OTHER_MARKS);
    this.#processes.set(OTHER_MARKS, other === undefined ? oldest[1] : sum(other, oldest[1]));
  }
}

/** The first so many as they are, and the rest in one; calls without a mark are always told. */
function told(latest: readonly [string, Counts][], limit: number): [string, Counts][] {
  const isKept = ([mark]: [string, Counts], index: number): boolean =>
    mark !== OTHER_MARKS && (mark === NO_MARK || index < limit);
  const rest = latest.filter((each, index) => !isKept(each, index)).map(([, counts]) => counts);
  const kept = latest.filter(isKept);
  return rest.length === 0 ? kept : [...kept, [OTHER_MARKS, rest.reduce(sum)]];
}

function sum(a: Counts, b: Counts): Counts {
  return {
    calls: a.calls + b.calls,
    repeated: a.repeated + b.repeated,
    lastMs: Math.max(a.lastMs, b.lastMs),
  };
}
