import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

/** How a process is stopped when this one is gone. */
export interface StopOrder {
  signal: NodeJS.Signals;
  /** After the others: they may need it for their own end. */
  last: boolean;
}

type Order = ({ watch: number } & StopOrder) | { release: number } | { remove: string } | { keep: string };

/**
 * The promise "no orphan": one helper process for each process that starts servers. It holds one end of a pipe; when this
 * process ends, whether by return, signal or SIGKILL, the pipe closes and the helper stops what is still registered.
 * It is the only mechanism: there are no exit or signal handlers here that could race with those of the program.
 */
class Watchdog {
  #helper: ChildProcess | undefined;
  readonly #pids = new Map<number, StopOrder>();
  readonly #folders = new Set<string>();

  watch(pid: number, order: StopOrder): void {
    this.#pids.set(pid, order);
    this.#tell({ watch: pid, ...order });
  }

  /** A process that has ended must be released before its id can be given to another. */
  release(pid: number): void {
    if (this.#pids.delete(pid)) this.#tell({ release: pid });
  }

  /** Registers a folder that is to go when this process is gone. */
  removeAtEnd(folder: string): void {
    this.#folders.add(folder);
    this.#tell({ remove: folder });
  }

  /** The folder was removed already, or is to stay. */
  forget(folder: string): void {
    if (this.#folders.delete(folder)) this.#tell({ keep: folder });
  }

  #tell(order: Order): void {
    if (this.#helper === undefined) {
      this.#helper = this.#spawnHelper();
      for (const [pid, order] of this.#pids) this.#write({ watch: pid, ...order });
      for (const folder of this.#folders) this.#write({ remove: folder });
    }
    this.#write(order);
  }

  #write(order: Order): void {
    this.#helper?.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  /** Detached, so that a Ctrl-C in the terminal does not reach it; unreferenced, so that it keeps nobody running. */
  #spawnHelper(): ChildProcess {
    const script = fileURLToPath(new URL('../../watchdog.mjs', import.meta.url));
    const helper = spawn(process.execPath, [script], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: {},
      cwd: '/',
    });
    const lost = (): void => {
      if (this.#helper === helper) this.#helper = undefined;
    };
    helper.on('error', lost).on('exit', lost);
    helper.stdin.on('error', lost);
    helper.unref();
    if (helper.stdin instanceof Socket) helper.stdin.unref();
    return helper;
  }
}

export const watchdog = new Watchdog();
