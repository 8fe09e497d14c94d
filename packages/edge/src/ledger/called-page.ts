import { status, type StatusObject } from '@grpc/grpc-js';
import { systemClock } from '@banyan/runtime';
import type { CalledMethod } from '@banyan/control';

/** What the clients of this process called of one method. */
export class CalledPage {
  readonly #path: string;
  readonly #ended = new Map<StatusObject['code'], number>();
  #started = 0;
  #onEdge = 0;
  #lastMs = 0;

  constructor(path: string) {
    this.#path = path;
  }

  started(onEdge: boolean): void {
    this.#started += 1;
    if (onEdge) this.#onEdge += 1;
    this.#lastMs = systemClock.monotonicMs();
  }

  ended(code: StatusObject['code']): void {
    this.#ended.set(code, (this.#ended.get(code) ?? 0) + 1);
  }

  report(nowMs: number): CalledMethod {
    const ended = Object.fromEntries([...this.#ended].map(([code, calls]) => [nameOf(code), calls]));
    const lastAgoMs = nowMs - this.#lastMs;
    return { path: this.#path, started: this.#started, ended, onEdge: this.#onEdge, lastAgoMs };
  }
}

/** Servers may answer with codes that have no name. */
function nameOf(code: StatusObject['code']): string {
  const known: unknown = status[code];
  return typeof known === 'string' ? known : String(code);
}
