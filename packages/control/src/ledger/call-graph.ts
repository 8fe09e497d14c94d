import type { Books, Look } from './books.js';
import { versionOfMark, type CalledMethod, type MethodCaller } from './ledger-report.js';
import { methodOf, providerOf } from './method-path.js';

/** Calls from one service to one method of another, as either side has booked them. */
export interface GraphCall {
  caller: string;
  provider: string;
  method: string;
  /** `/package.Service/Method`. */
  path: string;
  /** As the callers that run now have booked it; null: none keeps a ledger of it. */
  sent: number | null;
  /** As the providers that run now have booked it; null: none does. */
  received: number | null;
  /** The larger of both, between two looks, of processes that were there in both. */
  inWindow: number;
  lastAgoMs: number;
  /** Calls that have ended, by status, as the callers have booked it. */
  ended: Record<string, number>;
  /** The callers' versions of the library. */
  versions: string[];
}

/** All calls that somebody has booked, by caller, provider and method. */
export function callGraph({ opening, closing }: Books): GraphCall[] {
  const drafts = new Map<string, Draft>();
  const draftOf = (caller: string, path: string): Draft => {
    const key = `${caller} ${path}`;
    const found = drafts.get(key) ?? new Draft(caller, path);
    drafts.set(key, found);
    return found;
  };
  for (const { process, mark, methods } of closing.clients.values()) {
    for (const method of methods) draftOf(process.service, method.path).sent(method, mark, opening);
  }
  for (const { id, callers } of closing.servers.values()) {
    for (const page of callers) draftOf(page.caller, page.path).received(page, id, opening);
  }
  return [...drafts.values()].map((draft) => draft.call(closing)).sort(byName);
}

function byName(a: GraphCall, b: GraphCall): number {
  const nameOf = ({ caller, provider, method }: GraphCall): string => `${caller} ${provider} ${method}`;
  return nameOf(a).localeCompare(nameOf(b));
}

/** One line of the graph while it is summed up. */
class Draft {
  readonly #caller: string;
  readonly #path: string;
  readonly #versions = new Set<string>();
  readonly #ended = new Map<string, number>();
  readonly #window = { sent: 0, received: 0 };
  #sent: number | null = null;
  #received: number | null = null;
  #lastAgoMs = Infinity;

  constructor(caller: string, path: string) {
    this.#caller = caller;
    this.#path = path;
  }

  sent({ started, ended, lastAgoMs }: CalledMethod, mark: string, opening: Look): void {
    this.#sent = (this.#sent ?? 0) + started;
    this.#seen(mark, lastAgoMs);
    for (const [status, calls] of Object.entries(ended))
      this.#ended.set(status, (this.#ended.get(status) ?? 0) + calls);
    if (opening.clients.has(mark))
      this.#window.sent += started - (opening.called(mark, this.#path)?.started ?? 0);
  }

  received({ calls, processes, lastAgoMs }: MethodCaller, id: string, opening: Look): void {
    this.#received = (this.#received ?? 0) + calls;
    this.#seen('', lastAgoMs);
    for (const { mark } of processes) this.#seen(mark, lastAgoMs);
    if (opening.servers.has(id))
      this.#window.received += calls - (opening.caller(id, this.#path, this.#caller)?.calls ?? 0);
  }

  call(look: Look): GraphCall {
    const path = this.#path;
    return {
      ...{ caller: this.#caller, provider: providerOf(path, look), method: methodOf(path), path },
      ...{ sent: this.#sent, received: this.#received },
      inWindow: Math.max(this.#window.sent, this.#window.received),
      lastAgoMs: this.#lastAgoMs,
      ended: Object.fromEntries(this.#ended),
      versions: [...this.#versions].sort(),
    };
  }

  #seen(mark: string, lastAgoMs: number): void {
    this.#lastAgoMs = Math.min(this.#lastAgoMs, lastAgoMs);
    const version = versionOfMark(mark);
    if (version !== undefined) this.#versions.add(version);
  }
}
