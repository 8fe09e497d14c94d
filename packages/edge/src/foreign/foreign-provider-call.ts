import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { messageOf } from '@banyan/runtime';
import type { CallContext, CallListener, ProviderCall } from '../query/provider-call.js';

export interface SendOptions {
  metadata: Metadata;
  /** ms since 1970; Infinity: none. */
  deadlineMs: number;
  /** Aborts when the call is cancelled or its deadline has passed. */
  signal: AbortSignal;
}

/** What the client's own library got. */
export interface Sent {
  header: Metadata;
  message: unknown;
  trailer: Metadata;
}

/** Makes a call with the client's own library. @throws ForeignFailure if it ends with another status than OK */
export type Send = (request: unknown, options: SendOptions) => Promise<Sent>;

/** A status other than OK, and the error that the client's own library told it with. */
export class ForeignFailure extends Error {
  readonly status: StatusObject;
  /** Undefined: none came before the status, or the library tells it with the trailer. */
  readonly header: Metadata | undefined;

  /** @param code by gRPC's numbers, which every library shares */
  constructor(
    end: { code: number; details: string; header?: Metadata | undefined; metadata?: Metadata },
    cause: unknown,
  ) {
    super(end.details, { cause });
    this.name = 'ForeignFailure';
    const { code, details, header, metadata = new Metadata() } = end;
    this.header = header;
    this.status = { code: isStatus(code) ? code : status.UNKNOWN, details, metadata };
    if (cause instanceof Error) CAUSES.set(this.status, cause);
  }
}

function isStatus(code: number): code is StatusObject['code'] {
  return code in status;
}

const CAUSES = new WeakMap<StatusObject, Error>();

/** The library's own error behind a status; undefined if the status did not come from the provider. */
export function causeOf(end: StatusObject): Error | undefined {
  return CAUSES.get(end);
}

// setTimeout takes no more.
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One call made with another library, in the form that interceptors of grpc-js hand on. */
export class ForeignProviderCall implements ProviderCall {
  readonly #send: Send;
  readonly #deadlineMs: number;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #started: { metadata: Metadata; listener: Partial<CallListener> } | undefined;
  #request: unknown;
  #ended = false;

  constructor({ deadlineMs, send }: { deadlineMs: number; send: Send }) {
    this.#send = send;
    this.#deadlineMs = deadlineMs;
  }

  start(metadata: Metadata, listener: Partial<CallListener> = {}): void {
    this.#started = { metadata, listener };
    if (this.#deadlineMs === Infinity) return;
    const leftMs = Math.min(Math.max(0, this.#deadlineMs - Date.now()), MAX_TIMER_MS);
    this.#timer = setTimeout(
      () => this.cancelWithStatus(status.DEADLINE_EXCEEDED, 'Deadline exceeded'),
      leftMs,
    );
  }

  sendMessageWithContext(_context: CallContext, message: unknown): void {
    this.#request = message;
  }

  sendMessage(message: unknown): void {
    this.sendMessageWithContext({}, message);
  }

  halfClose(): void {
    void this.#run();
  }

  cancelWithStatus(code: StatusObject['code'], details: string): void {
    this.#abort.abort(new Error(details));
    queueMicrotask(() => this.#end({ code, details, metadata: new Metadata() }));
  }

  startRead(): void {
    // A unary answer comes unasked.
  }

  getPeer(): string {
    return 'unknown';
  }

  getAuthContext(): null {
    return null;
  }

  async #run(): Promise<void> {
    const metadata = this.#started?.metadata ?? new Metadata();
    try {
      const options = { metadata, deadlineMs: this.#deadlineMs, signal: this.#abort.signal };
      const sent = await this.#send(this.#request, options);
      this.#end({ code: status.OK, details: 'OK', metadata: sent.trailer }, sent);
    } catch (error) {
      const { status: end, header } = failureOf(error);
      this.#end(end, { header });
    }
  }

  /** The first end counts: an answer after a cancellation is nobody's any more. */
  #end(
    end: StatusObject,
    { header, message = null }: { header?: Metadata | undefined; message?: unknown } = {},
  ): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    const listener = this.#started?.listener;
    if (header !== undefined) listener?.onReceiveMetadata?.(header);
    listener?.onReceiveMessage?.(message);
    listener?.onReceiveStatus?.(end);
  }
}

function failureOf(error: unknown): ForeignFailure {
  if (error instanceof ForeignFailure) return error;
  return new ForeignFailure({ code: status.UNKNOWN, details: messageOf(error) }, error);
}
