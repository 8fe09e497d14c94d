import type { Interceptor } from '@grpc/grpc-js';
import type { ClientLedgerReport } from '@banyan/control';
import { resolveOptions, systemClock, text } from '@banyan/runtime';
import { CalledPage } from './called-page.js';
import { newMark } from './headers.js';
import { LedgerCall, type Booking } from './ledger-call.js';

export interface ClientLedgerOptions {
  /** Who calls, e.g. `tasks`: sent as `banyan-caller` with each call. */
  service: string;
}

/** Books what the clients of a process call; see `ClientLedger`. One a process is enough for all of its clients. */
export function clientLedger(options: ClientLedgerOptions): ClientLedger {
  return new ClientLedger(options);
}

/** Methods that are booked one by one; generated clients have fewer, those that take paths as they come may not. */
const MAX_METHODS = 500;
const OTHER = 'other';

/**
 * The caller's book: calls by method and status. Each carries who calls and which ledger it is in, so that the provider's
 * book (`serverLedger`) can be balanced against it: what arrives unmarked, or more often than it was sent, went past it.
 */
export class ClientLedger {
  /**
   * For a client's constructor, as the last of its interceptors, behind those of edges: calls that a replica answers are no
   * calls. Trap: interceptors given to a single call replace those of the client, this one too.
   */
  readonly interceptor: Interceptor;
  readonly #service: string;
  readonly #mark = newMark();
  readonly #sinceMs = systemClock.monotonicMs();
  readonly #bookings = new Map<string, Booking>();

  constructor(given: ClientLedgerOptions) {
    this.#service = resolveOptions('client ledger', { service: text() }, given).service;
    this.interceptor = (options, nextCall) =>
      new LedgerCall(options, nextCall, this.#bookingOf(options.method_definition.path));
  }

  report(): ClientLedgerReport {
    const nowMs = systemClock.monotonicMs();
    const methods = [...this.#bookings.values()].map(({ page }) => page.report(nowMs));
    return { mark: this.#mark, upMs: nowMs - this.#sinceMs, methods };
  }

  #bookingOf(path: string): Booking {
    const known = this.#bookings.get(path);
    if (known !== undefined) return known;
    const name = this.#bookings.size < MAX_METHODS ? path : OTHER;
    return this.#bookings.get(name) ?? this.#open(name);
  }

  #open(name: string): Booking {
    const booking = { page: new CalledPage(name), service: this.#service, mark: this.#mark };
    this.#bookings.set(name, booking);
    return booking;
  }
}
