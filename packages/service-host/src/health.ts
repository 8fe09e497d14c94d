import { HealthImplementation } from 'grpc-health-check';
import type { Server } from '@grpc/grpc-js';
import { Loop, messageOf, type Logger, type Round } from '@banyan/runtime';

/** Resolves when all is well; rejects with what is wrong. */
export type Check = () => Promise<unknown>;

export interface HealthOptions {
  /** Full names of the services that share one health; `''`, the server as a whole, is added. */
  services: readonly string[];
  checks: Readonly<Record<string, Check>>;
  everyMs: number;
  /** A check that takes longer has failed. */
  timeoutMs: number;
  logger: Logger;
}

/**
 * grpc.health.v1.Health for one process. States: NOT_SERVING -> SERVING while all checks pass -> NOT_SERVING for good
 * once it is stopped.
 */
export class Health {
  readonly #options: HealthOptions;
  readonly #implementation: HealthImplementation;
  readonly #loop: Loop;
  #wrong: string | undefined = 'not checked yet';

  constructor(options: HealthOptions) {
    this.#options = options;
    const names = ['', ...options.services];
    this.#implementation = new HealthImplementation(
      Object.fromEntries(names.map((name) => [name, 'NOT_SERVING'])),
    );
    this.#loop = new Loop({
      runOnce: () => this.runOnce(),
      onError: () => Promise.resolve({ next: 'after', delayMs: options.everyMs }),
    });
  }

  addTo(server: Server): void {
    this.#implementation.addToServer(server);
  }

  start(): void {
    this.#loop.start();
  }

  /** Tells watchers at once that this server takes no more work. */
  async stop(): Promise<void> {
    const stopped = this.#loop.stop();
    this.#set('NOT_SERVING');
    await stopped;
  }

  /** Runs all checks once and tells watchers what changed. */
  async runOnce(): Promise<Round> {
    const wrong = await this.#firstFailure();
    if (!this.#loop.signal.aborted) this.#report(wrong);
    return { next: 'after', delayMs: this.#options.everyMs };
  }

  #report(wrong: string | undefined): void {
    if (wrong !== this.#wrong) {
      if (wrong !== undefined) this.#options.logger.warn('not healthy', { cause: wrong });
      else this.#options.logger.info('healthy');
    }
    this.#wrong = wrong;
    this.#set(wrong === undefined ? 'SERVING' : 'NOT_SERVING');
  }

  async #firstFailure(): Promise<string | undefined> {
    const { checks, timeoutMs } = this.#options;
    const results = Object.entries(checks).map(async ([name, check]) => {
      try {
        await within(check(), timeoutMs);
        return undefined;
      } catch (error) {
        return `${name}: ${messageOf(error)}`;
      }
    });
    return (await Promise.all(results)).find((result) => result !== undefined);
  }

  #set(status: 'SERVING' | 'NOT_SERVING'): void {
    for (const name of ['', ...this.#options.services]) this.#implementation.setStatus(name, status);
  }
}

async function within(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
