import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '@banyan/runtime';
import { DevLock } from './dev/dev-lock.js';
import type { MigratedSystem } from './system.js';

/** The folder in which tools look for a running system, below the one that they are called in or one above it. */
export function devFolder(root: string): string {
  return join(root, '.banyan');
}

/**
 * `dev.json`, which tells tools where a running system is. It is kept true while the system runs: rewritten when a process
 * is started again, removed at the end. Claimed before the system starts, so that two never share a folder.
 */
export class DevFile {
  readonly path: string;
  readonly #lock: DevLock;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, lock: DevLock) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes sure that no other system runs here, and clears away what a killed one has left.
   *
   * @throws BanyanError BANYAN_DEVSTACK that names the process of the other one
   */
  static async claim(root: string): Promise<DevFile> {
    const folder = devFolder(root);
    const file = new DevFile(join(folder, 'dev.json'), await DevLock.take(folder));
    await rm(file.path, { force: true });
    return file;
  }

  /** Writes it, and again whenever a process has a new id. `log` is told if that fails later. */
  async follow(system: MigratedSystem, log: (line: string) => void): Promise<void> {
    system.supervisor.on('restarted', () => {
      this.#writing = this.#writing
        .then(() => this.#write(system))
        .catch((error: unknown) => log(`${this.path} is out of date: ${messageOf(error)}`));
    });
    await this.#write(system);
  }

  /** Removes it: the system is about to stop. Legal at any time, also twice. */
  async withdraw(): Promise<void> {
    await this.#writing;
    await rm(this.path, { force: true });
  }

  /** Lets others have the folder: the system has stopped. */
  async release(): Promise<void> {
    await this.withdraw();
    await this.#lock.release();
  }

  async #write({ description }: MigratedSystem): Promise<void> {
    const draft = `${this.path}.new`;
    await mkdir(dirname(draft), { recursive: true });
    // Readers never see half of it; passwords of the databases are in it.
    await writeFile(draft, `${JSON.stringify(description, null, 2)}\n`, { mode: 0o600 });
    await rename(draft, this.path);
  }
}
