import { EventEmitter } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { backoffDelayMs, BanyanError, resolveOptions, text, wait, wholeNumber } from '@banyan/runtime';
import { type Exit } from './child.js';
import { CommandProcess, type CommandSpec } from './command-process.js';
import { type RestartableProcess } from './restartable.js';

export interface SupervisorOptions {
  /** Folder for the logs, one file a process; made if missing. */
  dir: string;
  /** Ceiling of the delay before the first restart, in ms. Default: 200. It doubles with each death soon after a start. */
  restartFirstMs?: number;
  /** Ceiling of any delay before a restart, in ms. Default: 5,000. */
  restartMaxMs?: number;
  /** A process that lived this long, in ms, starts over with the first delay. Default: 10,000. */
  steadyMs?: number;
}

const RULES = {
  dir: text(),
  restartFirstMs: wholeNumber(1, 60_000, 200),
  restartMaxMs: wholeNumber(1, 600_000, 5_000),
  steadyMs: wholeNumber(0, 3_600_000, 10_000),
};

/** What a supervisor tells: `supervisor.on('restarted', ({ name, pid }) => …)`. */
export interface SupervisorEvents {
  started: [{ name: string; pid: number }];
  exited: [{ name: string; pid: number } & Exit];
  restarted: [{ name: string; pid: number }];
  /** A restart did not succeed; it is tried again. */
  failed: [{ name: string; error: unknown }];
}

interface Kept {
  process: RestartableProcess;
  stopping: AbortController;
  watching: Promise<void>;
}

/**
 * Keeps processes running. Each one: running → died → (after a backoff) running …, until it is stopped. It also keeps
 * this process from ending by itself while it has something to look after.
 */
export class Supervisor extends EventEmitter<SupervisorEvents> {
  readonly #options: Required<SupervisorOptions>;
  readonly #kept = new Map<string, Kept>();
  #stayAlive: NodeJS.Timeout | undefined;

  constructor(options: SupervisorOptions) {
    super();
    this.#options = resolveOptions('supervisor', RULES, options);
  }

  /**
   * Starts a command, waits until it is ready, and keeps it running from then on.
   *
   * @throws BanyanError BANYAN_DEVSTACK with what it wrote if this first start fails
   */
  async supervise(spec: CommandSpec): Promise<CommandProcess> {
    this.#refuseTwice(spec.name);
    await mkdir(this.#options.dir, { recursive: true });
    const process = await CommandProcess.start(spec, this.#options.dir);
    this.adopt(spec.name, process);
    return process;
  }

  /** Keeps running what was started elsewhere: a PostgreSQL server, or the `process` of a NATS server. */
  adopt(name: string, process: RestartableProcess): void {
    this.#refuseTwice(name);
    this.#stayAlive ??= setInterval(() => undefined, 1 << 30);
    const stopping = new AbortController();
    const watching = this.#watch(name, process, stopping.signal);
    this.#kept.set(name, { process, stopping, watching });
    this.emit('started', { name, pid: process.pid });
  }

  /** The process id of the present run, or of the last one while it is down. */
  pid(name: string): number {
    return this.#find(name).process.pid;
  }

  /** The process ids of all, by name. */
  pids(): Record<string, number> {
    return Object.fromEntries([...this.#kept].map(([name, { process }]) => [name, process.pid]));
  }

  /** Sends a signal, by default SIGKILL. A process that dies of it is started again. */
  kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#find(name).process.kill(signal);
  }

  /** Stops one in order, for good. */
  async stop(name: string): Promise<void> {
    const kept = this.#find(name);
    kept.stopping.abort();
    await kept.process.stop();
    await kept.watching;
    this.#kept.delete(name);
    if (this.#kept.size > 0) return;
    clearInterval(this.#stayAlive);
    this.#stayAlive = undefined;
  }

  /** Stops all in order, the last one started first. Stopping twice is legal. */
  async stopAll(): Promise<void> {
    for (const name of [...this.#kept.keys()].reverse()) await this.stop(name);
  }

  #refuseTwice(name: string): void {
    if (!this.#kept.has(name)) return;
    throw new BanyanError('BANYAN_DEVSTACK', `a process named ${name} is supervised already`, {
      remedy: 'Give each process a name of its own.',
    });
  }

  #find(name: string): Kept {
    const kept = this.#kept.get(name);
    if (kept !== undefined) return kept;
    const names = [...this.#kept.keys()].join(', ');
    throw new BanyanError(
      'BANYAN_DEVSTACK',
      `no process named ${name} is supervised; there are: ${names === '' ? 'none' : names}`,
      { remedy: 'Use one of the names that the message lists.' },
    );
  }

  async #watch(name: string, process: RestartableProcess, stopping: AbortSignal): Promise<void> {
    let deaths = 0;
    while (!stopping.aborted) {
      const since = performance.now();
      const pid = process.pid;
      const exit = await process.exited;
      this.emit('exited', { name, pid, ...exit });
      deaths = performance.now() - since > this.#options.steadyMs ? 0 : deaths + 1;
      await this.#startAgain({ name, process, stopping, deaths });
    }
  }

  /** Returns once it runs again, or is to stop. */
  async #startAgain(down: {
    name: string;
    process: RestartableProcess;
    stopping: AbortSignal;
    deaths: number;
  }): Promise<void> {
    const { name, process, stopping } = down;
    for (let tries = Math.max(0, down.deaths - 1); !stopping.aborted; tries++) {
      await wait(this.#delayMs(tries), stopping);
      if (isAborted(stopping)) return;
      try {
        // Whoever stopped it, for instance a test, may have started it again.
        if (!process.running) await process.restart();
        this.emit('restarted', { name, pid: process.pid });
        return;
      } catch (error) {
        if (!isAborted(stopping)) this.emit('failed', { name, error });
      }
    }
  }

  #delayMs(tries: number): number {
    const { restartFirstMs, restartMaxMs } = this.#options;
    return backoffDelayMs(tries, { firstMs: restartFirstMs, maxMs: restartMaxMs });
  }
}

/** The compiler takes a property it has once seen as false to stay so; a call is looked at anew. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
