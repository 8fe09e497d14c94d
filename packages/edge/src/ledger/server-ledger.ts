import { ServerInterceptingCall, type Metadata, type Responder, type ServerInterceptor } from '@grpc/grpc-js';
import type { MethodCaller, ServerLedgerReport } from '@banyan/control';
import { resolveOptions, systemClock, text, type OptionRules } from '@banyan/runtime';
import { CallerPage } from './caller-page.js';
import { CALLER_HEADER, MAX_NAME, newLedgerId } from './headers.js';

export interface ServerLedgerOptions {
  /** Paths that begin so are not booked; default `/grpc.`: health checks and reflection. */
  ignore?: string;
}

const RULES: OptionRules<ServerLedgerOptions> = { ignore: text('/grpc.') };

/** Books who calls the servers of a process; see `ServerLedger`. One a process is enough for all of its servers. */
export function serverLedger(options: ServerLedgerOptions = {}): ServerLedger {
  return new ServerLedger(options);
}

/** Names come off the wire: no more pairs of method and caller are kept than a system has edges. */
const MAX_PAGES = 300;
const UNKNOWN = 'unknown';
const OTHERS = 'others';
/** In a report, which must fit into one message of NATS. */
const MAX_PROCESSES_TOLD = 2_000;

type MethodPages = Map<string, CallerPage>;

/**
 * The provider's book: calls by method, caller, and the ledger that the caller has booked them in. A call counts when it
 * arrives, whatever becomes of it. Beyond 300 pairs of method and caller all further callers of a method are `others`.
 *
 * Trap: callers say themselves who they are. One that does not is `unknown`.
 */
export class ServerLedger {
  /** For the server's constructor, as the first of its interceptors: what a later one refuses was a call, too. */
  readonly interceptor: ServerInterceptor;
  readonly #ignore: string;
  readonly #id = newLedgerId();
  readonly #sinceMs = systemClock.monotonicMs();
  readonly #methods = new Map<string, MethodPages>();
  /** By method, so that a call allocates nothing here. */
  readonly #responders = new Map<string, Responder>();
  #pages = 0;

  constructor(given: ServerLedgerOptions) {
    this.#ignore = resolveOptions('server ledger', RULES, given).ignore;
    this.interceptor = ({ path }, call) =>
      new ServerInterceptingCall(call, this.#responders.get(path) ?? this.#newResponder(path));
  }

  get id(): string {
    return this.#id;
  }

  report(): ServerLedgerReport {
    const nowMs = systemClock.monotonicMs();
    const limit = Math.floor(MAX_PROCESSES_TOLD / Math.max(1, this.#pages));
    const callers: MethodCaller[] = [...this.#methods.values()].flatMap((pages) =>
      [...pages.values()].map((page) => page.report(nowMs, limit)),
    );
    return { id: this.#id, upMs: nowMs - this.#sinceMs, callers };
  }

  /** grpc-js begins no call of a method that it does not serve, so there are no more of them than methods. */
  #newResponder(path: string): Responder {
    const responder = path.startsWith(this.#ignore) ? {} : this.#countingOf(path);
    this.#responders.set(path, responder);
    return responder;
  }

  #countingOf(path: string): Responder {
    const pages: MethodPages = new Map();
    this.#methods.set(path, pages);
    const onReceiveMetadata = (metadata: Metadata, pass: (metadata: Metadata) => void): void => {
      this.#pageOf(metadata, path, pages).count(metadata);
      pass(metadata);
    };
    return { start: (next) => next({ onReceiveMetadata }) };
  }

  #pageOf(metadata: Metadata, path: string, pages: MethodPages): CallerPage {
    const [given] = metadata.get(CALLER_HEADER);
    const caller = typeof given === 'string' && given !== '' ? given.slice(0, MAX_NAME) : UNKNOWN;
    const known = pages.get(caller);
    if (known !== undefined) return known;
    const name = this.#pages < MAX_PAGES || caller === UNKNOWN ? caller : OTHERS;
    return pages.get(name) ?? this.#newPage(name, path, pages);
  }

  #newPage(caller: string, path: string, pages: MethodPages): CallerPage {
    const page = new CallerPage(path, caller);
    pages.set(caller, page);
    this.#pages += 1;
    return page;
  }
}
