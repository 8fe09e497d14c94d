import { BanyanError } from '@banyan/runtime';
import { type Child, type Exit } from './child.js';

/** Starts one run and waits until it is ready; must give up when the signal aborts. */
export type Launch = (signal: AbortSignal) => Promise<Child>;

/**
 * A process that can be started again and again in the same place: same folder, same port.
 * stopped → (restart) → running → (stop, kill, crash) → stopped. Nothing starts it by itself: that is a supervisor's task.
 */
export class RestartableProcess {
  readonly #launch: Launch;
  #child: Child;
  #starting: { abort: AbortController; done: Promise<Child> } | undefined;

  constructor(launch: Launch, child: Child) {
    this.#launch = launch;
    this.#child = child;
  }

  /** Of the present run, or of the last one. */
  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.exit === undefined;
  }

  /** Settles when the present run has ended. A restart begins a new one. */
  get exited(): Promise<Exit> {
    return this.#child.exited;
  }

  /** Sends a signal to the present run, by default SIGKILL: what a crash looks like. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  /** Stops the present run if there is one, then starts a new one and waits until it is ready. */
  async restart(): Promise<void> {
    if (this.#starting !== undefined) {
      throw new BanyanError('BANYAN_DEVSTACK', `${this.#child.name} is being started already`, {
        remedy: 'Wait for the restart that is under way.',
      });
    }
    const abort = new AbortController();
    this.#starting = { abort, done: this.#stopAndLaunch(abort.signal) };
    try {
      this.#child = await this.#starting.done;
    } finally {
      this.#starting = undefined;
    }
  }

  async #stopAndLaunch(signal: AbortSignal): Promise<Child> {
    await this.#child.stop();
    return this.#launch(signal);
  }

  /** In order: SIGTERM or its like, SIGKILL after a grace. Calls off a restart under way. Stopping twice is legal. */
  async stop(): Promise<void> {
    const starting = this.#starting;
    starting?.abort.abort();
    const started = await starting?.done.catch(() => undefined);
    await (started ?? this.#child).stop();
  }
}
