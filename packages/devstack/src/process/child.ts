import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { BanyanError, messageOf, wait } from '@banyan/runtime';
import { watchdog } from './watchdog.js';

export interface ChildSpec {
  /** What it is called in errors. */
  name: string;
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Its standard output and error are appended here. */
  logFile: string;
  /** The signal that asks it to end in an orderly way. */
  stopSignal: NodeJS.Signals;
  /** How long it has for that, in ms, before SIGKILL. */
  graceMs: number;
  /** A server that others need for their own end: should this process vanish, it is stopped after them. */
  isServer: boolean;
  /** Run as another user; only root can. */
  user?: { uid: number; gid: number } | undefined;
  /** Removes what SIGKILL leaves running, if anything: the container behind a `docker run`. */
  removeRemains?: (() => Promise<void>) | undefined;
}

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/**
 * One run of one process: running → ended. It leads its own process group, so a Ctrl-C in the terminal leaves the order
 * of shutting down to whoever started it; the watchdog stops it should this process vanish.
 */
export class Child {
  readonly pid: number;
  /** Settles when it has ended; never rejects. */
  readonly exited: Promise<Exit>;
  readonly #spec: ChildSpec;
  readonly #process: ChildProcess;
  readonly #logStart: number;
  #exit: Exit | undefined;

  private constructor(spec: ChildSpec, process: ChildProcess, pid: number, logStart: number) {
    this.#spec = spec;
    this.#process = process;
    this.pid = pid;
    this.#logStart = logStart;
    watchdog.watch(pid, { signal: spec.stopSignal, last: spec.isServer });
    this.exited = new Promise((resolve) => {
      process.once('exit', (code, signal) => {
        watchdog.release(pid);
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  /** @throws BanyanError BANYAN_DEVSTACK if the command cannot be run */
  static async spawn(spec: ChildSpec): Promise<Child> {
    const log = openSync(spec.logFile, 'a');
    try {
      const logStart = fstatSync(log).size;
      const child = spawn(spec.command, spec.args, spawnOptions(spec, log));
      await once(child, 'spawn');
      if (child.pid === undefined) throw new Error('it has no process id');
      child.unref();
      return new Child(spec, child, child.pid, logStart);
    } catch (error) {
      throw new BanyanError('BANYAN_DEVSTACK', `${spec.command} cannot be run: ${messageOf(error)}`, {
        cause: error,
        remedy: 'Check that the file exists, may be executed, and was built for this machine.',
      });
    } finally {
      closeSync(log);
    }
  }

  get name(): string {
    return this.#spec.name;
  }

  /** How it ended, or undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** What this run has written so far. */
  async log(): Promise<string> {
    return (await readFile(this.#spec.logFile)).subarray(this.#logStart).toString();
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#exit !== undefined) return;
    this.#process.kill(signal);
    if (signal === 'SIGKILL') void this.#spec.removeRemains?.();
  }

  /** Asks it to end, and kills it after its grace. Stopping twice is legal. */
  async stop(): Promise<Exit> {
    if (this.#exit !== undefined) return this.#exit;
    this.#process.ref();
    this.kill(this.#spec.stopSignal);
    const patience = new AbortController();
    void wait(this.#spec.graceMs, patience.signal).then(() => {
      if (!patience.signal.aborted) this.kill('SIGKILL');
    });
    const exit = await this.exited;
    patience.abort();
    return exit;
  }
}

function spawnOptions(spec: ChildSpec, log: number) {
  return {
    detached: true,
    stdio: ['ignore', log, log] as ['ignore', number, number],
    env: spec.env ?? process.env,
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    ...spec.user,
  };
}
