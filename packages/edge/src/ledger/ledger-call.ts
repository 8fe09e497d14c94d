import {
  InterceptingCall,
  type InterceptorOptions,
  type Metadata,
  type NextCall,
  type StatusObject,
} from '@grpc/grpc-js';
import type { CalledPage } from './called-page.js';
import { CALLER_HEADER, LEDGER_HEADER } from './headers.js';
import { isOnEdge } from './on-edge.js';

type Call = ReturnType<NextCall>;
type Listener = NonNullable<Parameters<Call['start']>[1]>;

/** How calls are booked and signed. */
export interface Booking {
  page: CalledPage;
  /** Who calls. */
  service: string;
  mark: string;
}

/**
 * One call, booked at its start and its end. It is its own listener and overrides what it changes instead of giving
 * InterceptingCall a requester: so it is all that is allocated for a call, besides a copy of the caller's metadata.
 */
export class LedgerCall extends InterceptingCall implements Listener {
  readonly #call: Call;
  readonly #booking: Booking;
  readonly #onEdge: boolean;
  #listener: Partial<Listener> | undefined;

  constructor(options: InterceptorOptions, nextCall: NextCall, booking: Booking) {
    const call = nextCall(options);
    super(call);
    this.#call = call;
    this.#booking = booking;
    this.#onEdge = isOnEdge(options);
  }

  /** Callers may use their metadata again, with a client that keeps no ledger: it must not carry the mark. */
  override start(metadata: Metadata, listener?: Partial<Listener>): void {
    const { page, service, mark } = this.#booking;
    const signed = metadata.clone();
    signed.set(CALLER_HEADER, service);
    signed.set(LEDGER_HEADER, mark);
    this.#listener = listener;
    page.started(this.#onEdge);
    this.#call.start(signed, this);
  }

  override sendMessageWithContext(
    context: Parameters<Call['sendMessageWithContext']>[0],
    message: unknown,
  ): void {
    this.#call.sendMessageWithContext(context, message);
  }

  override halfClose(): void {
    this.#call.halfClose();
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.#listener?.onReceiveMetadata?.(metadata);
  }

  onReceiveMessage(message: unknown): void {
    this.#listener?.onReceiveMessage?.(message);
  }

  onReceiveStatus(end: StatusObject): void {
    this.#booking.page.ended(end.code);
    this.#listener?.onReceiveStatus?.(end);
  }
}
