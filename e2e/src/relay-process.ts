import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PROGRAMS } from './root.js';

export interface RelayProcessOptions {
  natsUrl: string;
  /** Database by source. */
  sources: Record<string, string>;
  /** Further flags. */
  flags?: readonly string[];
}

/** A relay as a process of its own, for tests that kill it. */
export class RelayProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts it and waits until it says that it is ready. */
  static async start({ natsUrl, sources, flags = [] }: RelayProcessOptions): Promise<RelayProcess> {
    const args = Object.entries(sources).flatMap(([source, url]) => ['--source', `${source}=${url}`]);
    const child = spawn(
      process.execPath,
      [PROGRAMS.relay, '--nats', natsUrl, '--log-level', 'error', ...args, ...flags],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const lines = createInterface({ input: child.stdout });
    await Promise.race([
      once(lines, 'line'),
      once(child, 'exit').then(() => Promise.reject(new Error('it ended'))),
    ]);
    return new RelayProcess(child);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
  }
}
