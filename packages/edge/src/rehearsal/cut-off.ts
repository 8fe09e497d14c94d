import { Metadata, status, type InterceptingCall, type StatusObject } from '@grpc/grpc-js';
import type { CutReport, CutTask, EdgeTask } from '@banyan/control';
import { BanyanError } from '@banyan/runtime';
import { PassedCall } from '../query/passed-call.js';
import { isOutage, type CallListener, type CallRoute, type ProviderCall } from '../query/provider-call.js';

export function isCutTask(task: EdgeTask): task is CutTask {
  return task.do === 'cut-off' || task.do === 'cut' || task.do === 'restore';
}

const NONE = { calls: 0, failed: 0, cut: 0, open: 0 };

/**
 * An edge whose provider is out of reach on purpose. States: open → cut off, for a time → open; it ends by itself. Counted is
 * what began while it was cut off, whenever it ends.
 */
export class CutOff {
  readonly #edge: string;
  /** Of the last rehearsal. */
  #counts = { id: '', ...NONE };
  #timer: NodeJS.Timeout | undefined;

  constructor(edge: string) {
    this.#edge = edge;
  }

  get isCut(): boolean {
    return this.#timer !== undefined;
  }

  /** @throws BanyanError BANYAN_REHEARSAL_REFUSED if it is cut off already, or not known by this id */
  async perform(task: CutTask): Promise<CutReport> {
    if (task.do === 'cut-off') this.#begin(task);
    else if (task.id !== this.#counts.id) throw this.#refused(`it knows no rehearsal ${task.id}`);
    if (task.do === 'restore') this.stop();
    return Promise.resolve({ ...this.#counts, isCut: this.isCut });
  }

  /** Ends it. Stopping twice is legal. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Opens a call whose every way to the provider ends at once. */
  open(route: CallRoute, opened: (cut: CallRoute) => InterceptingCall): InterceptingCall {
    const counts = this.#counts;
    const nextCall = (): ProviderCall => {
      counts.cut += 1;
      return new RefusedCall(this.#edge);
    };
    counts.open += 1;
    const ended = ({ code }: StatusObject) => {
      counts.open -= 1;
      counts.calls += 1;
      if (isOutage(code)) counts.failed += 1;
      return () => undefined;
    };
    const { options } = route;
    return new PassedCall(
      { options, nextCall: () => opened({ options, nextCall }) },
      { sent: () => undefined, ended },
    );
  }

  /** Of a reaction: a call came, though its effect is to be the event's, and was refused. */
  refused(): void {
    this.#counts.calls += 1;
    this.#counts.failed += 1;
    this.#counts.cut += 1;
  }

  /** Of a reaction: an event brought its effect. */
  heldBy(): void {
    if (this.isCut) this.#counts.calls += 1;
  }

  #begin({ id, forMs }: Extract<CutTask, { do: 'cut-off' }>): void {
    if (this.isCut) throw this.#refused(`it is cut off already, by the rehearsal ${this.#counts.id}`);
    this.#counts = { id, ...NONE };
    this.#timer = setTimeout(() => this.stop(), forMs).unref();
  }

  #refused(why: string): BanyanError {
    return new BanyanError('BANYAN_REHEARSAL_REFUSED', `${this.#edge}: ${why}`);
  }
}

/** A unary call to a provider that is not there. It ends once it is sent, or given up. */
class RefusedCall implements ProviderCall {
  readonly #edge: string;
  #listener: Partial<CallListener> | undefined;

  constructor(edge: string) {
    this.#edge = edge;
  }

  start(_metadata: Metadata, listener: Partial<CallListener> = {}): void {
    this.#listener = listener;
  }

  halfClose(): void {
    this.cancelWithStatus(status.UNAVAILABLE, `${this.#edge} rehearses: its provider is cut off for a time`);
  }

  cancelWithStatus(code: StatusObject['code'], details: string): void {
    const listener = this.#listener;
    this.#listener = undefined;
    queueMicrotask(() => listener?.onReceiveStatus?.({ code, details, metadata: new Metadata() }));
  }

  sendMessageWithContext(): void {
    return undefined;
  }

  sendMessage(): void {
    return undefined;
  }

  startRead(): void {
    return undefined;
  }

  getPeer(): string {
    return 'cut off';
  }

  getAuthContext(): null {
    return null;
  }
}
