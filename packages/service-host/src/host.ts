import { Server, ServerCredentials } from '@grpc/grpc-js';
import { tokenServerInterceptor } from '@banyan/edge/tokens';
import { BanyanError, messageOf, wait, type Logger } from '@banyan/runtime';
import { CallRunner } from './call-runner.js';
import { Health } from './health.js';
import { resolveHostOptions, type HostOptions } from './host-options.js';
import { addReflection } from './reflection.js';

const FLUSH_MS = 250;

/** A gRPC server that serves. */
export interface ServiceHost {
  /** Where it listens: host:port. */
  readonly address: string;
  /**
   * Takes no more calls, waits for those under way (at most `drainMs`), then closes what was given as `onStop`. Stopping
   * twice is legal.
   */
  stop: () => Promise<void>;
}

/**
 * Starts a gRPC server for some services, with health, reflection, deadlines and error details.
 *
 * @returns once it listens
 * @throws BanyanError BANYAN_OPTION_INVALID if it cannot listen on the address
 */
export async function serve(options: HostOptions): Promise<ServiceHost> {
  const resolved = resolveHostOptions(options);
  const host = new Host(resolved);
  await host.listen();
  return host;
}

class Host implements ServiceHost {
  readonly #options: Required<HostOptions>;
  readonly #server: Server;
  readonly #runner: CallRunner;
  readonly #health: Health;
  readonly #logger: Logger;
  #address = '';
  #stopped: Promise<void> | undefined;

  constructor(options: Required<HostOptions>) {
    const { name, services, descriptors, logger, checks, defaultDeadlineMs } = options;
    const names = services.map((service) => service.name);
    this.#options = options;
    this.#server = new Server({ interceptors: [...options.interceptors, tokenServerInterceptor(options)] });
    this.#logger = logger;
    this.#runner = new CallRunner({ service: name, defaultDeadlineMs, logger });
    for (const service of services) {
      this.#server.addService(service.definition, this.#runner.implementation(service));
    }
    this.#health = new Health({ services: names, checks, everyMs: 2_000, timeoutMs: 2_000, logger });
    this.#health.addTo(this.#server);
    if (descriptors.length > 0) addReflection(this.#server, descriptors, names);
  }

  get address(): string {
    return this.#address;
  }

  async listen(): Promise<void> {
    const { address } = this.#options;
    const port = await this.#bind(address);
    this.#address = `${address.slice(0, address.lastIndexOf(':'))}:${port}`;
    await this.#health.runOnce();
    this.#health.start();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.#health.stop();
    const emptied = this.#endListening();
    const { drainMs } = this.#options;
    if (!(await settlesWithin(this.#runner.idle(), drainMs))) this.#logger.warn('calls cut off', { drainMs });
    // The last answers are still on their way out; health watchers, who never leave, are not waited for.
    await settlesWithin(emptied, FLUSH_MS);
    this.#server.forceShutdown();
    for (const close of this.#options.onStop) await close();
  }

  /** Takes no more connections and tells clients to go elsewhere; resolves when the last stream has closed. */
  #endListening(): Promise<void> {
    return new Promise((resolve) => this.#server.tryShutdown(() => resolve()));
  }

  #bind(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else {
          const message = `cannot listen on ${address}: ${messageOf(error)}`;
          reject(new BanyanError('BANYAN_OPTION_INVALID', message, { cause: error }));
        }
      });
    });
  }
}

/** True if the work settles in time. */
async function settlesWithin(work: Promise<void>, ms: number): Promise<boolean> {
  const done = new AbortController();
  const settled = work.then(() => true);
  const late = wait(ms, done.signal).then(() => false);
  const inTime = await Promise.race([settled, late]);
  done.abort();
  return inTime;
}
