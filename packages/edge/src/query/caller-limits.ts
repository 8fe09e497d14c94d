import type { EventEmitter } from 'node:events';
import { propagate, type InterceptorOptions } from '@grpc/grpc-js';

/** The call that a server is serving while its handler makes another one. */
interface ParentCall extends EventEmitter {
  cancelled: boolean;
  getDeadline: () => Date | number;
}

/** How long a caller waits: its own deadline and cancellation, and those of the call that it serves meanwhile. */
export class CallerLimits {
  readonly #parent: ParentCall | undefined;
  readonly #flags: number;
  readonly #deadlineMs: number;
  #release: (() => void) | undefined;

  constructor({ deadline, parent, propagate_flags: flags }: InterceptorOptions) {
    this.#parent = parent;
    this.#flags = flags ?? propagate.DEFAULTS;
    const inherited = (this.#flags & propagate.DEADLINE) === 0 ? undefined : parent?.getDeadline();
    this.#deadlineMs = Math.min(msOf(deadline), msOf(inherited));
  }

  /** What is left until the deadline, in ms; Infinity without one, 0 or less after it. */
  remainingMs(): number {
    return this.#deadlineMs === Infinity ? Infinity : this.#deadlineMs - Date.now();
  }

  /** Calls back when the parent call is cancelled, at once if it already is. */
  onCancelled(callback: () => void): void {
    const parent = this.#parent;
    if (parent === undefined || (this.#flags & propagate.CANCELLATION) === 0) return;
    if (parent.cancelled) callback();
    parent.once('cancelled', callback);
    this.#release = () => void parent.removeListener('cancelled', callback);
  }

  release(): void {
    this.#release?.();
    this.#release = undefined;
  }
}

function msOf(deadline: Date | number | undefined): number {
  return deadline instanceof Date ? deadline.getTime() : (deadline ?? Infinity);
}
