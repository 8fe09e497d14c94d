import type { BypassCounts } from '@banyan/control';
import type { Logger } from '@banyan/runtime';

/** Counts the calls of one method that would have gone, or went, past their edge. See `guardClient`. */
export class Bypasses {
  readonly path: string;
  readonly #edge: string;
  readonly #logger: Logger;
  readonly #counts = { repaired: 0, missed: 0 };
  #runs = 0;

  constructor(edge: string, path: string, logger: Logger) {
    this.#edge = edge;
    this.path = path;
    this.#logger = logger;
  }

  /** How often the edge's interceptor has run. */
  get runs(): number {
    return this.#runs;
  }

  /** The edge's interceptor runs for a call. */
  ran(): void {
    this.#runs += 1;
  }

  repaired(): void {
    this.#count(
      'repaired',
      'interceptors given to a call replace those of the client; the edge was put back',
    );
  }

  missed(): void {
    this.#count('missed', 'a call went past the edge: was its client built with the interceptor?');
  }

  report(): BypassCounts {
    return { ...this.#counts };
  }

  #count(kind: keyof BypassCounts, message: string): void {
    this.#counts[kind] += 1;
    if (this.#counts[kind] === 1) this.#logger.warn(message, { edge: this.#edge, at: callSite() });
  }
}

/** Where the call was made: the first frame that is neither of an edge nor of a library. */
function callSite(): string | undefined {
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  const own = frames.find(
    (frame) => !/(guard-client|bypasses)\.[jt]s|node_modules|node:|<anonymous>/.test(frame),
  );
  return own?.trim();
}
