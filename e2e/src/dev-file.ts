import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BanyanError } from '@banyan/runtime';
import { ROOT } from './root.js';
import type { MigratedSystem } from './system.js';

/** Where tools look for a running system. */
export const DEV_FILE = join(ROOT, '.banyan', 'dev.json');

/** Keeps `.banyan/dev.json` true while a system runs: rewritten when a process is started again, removed at the end. */
export class DevFile {
  readonly #system: MigratedSystem;
  #writing: Promise<void> = Promise.resolve();

  private constructor(system: MigratedSystem) {
    this.#system = system;
  }

  /** @throws BanyanError BANYAN_DEVSTACK if the file tells of a system that still runs */
  static async refuseSecond(): Promise<void> {
    const pid = await runningSupervisor();
    if (pid === undefined) return;
    throw new BanyanError(
      'BANYAN_DEVSTACK',
      `${DEV_FILE} tells of a system that still runs (process ${pid})`,
      {
        remedy: 'Stop that one first, or delete the file if it is none of Banyan’s.',
      },
    );
  }

  static async write(system: MigratedSystem): Promise<DevFile> {
    const file = new DevFile(system);
    system.supervisor.on('restarted', () => file.#rewrite());
    file.#rewrite();
    await file.#writing;
    return file;
  }

  async remove(): Promise<void> {
    await this.#writing;
    await rm(DEV_FILE, { force: true });
  }

  #rewrite(): void {
    this.#writing = this.#writing.then(async () => {
      const content = `${JSON.stringify({ ...this.#system.description, supervisor: process.pid }, null, 2)}\n`;
      await mkdir(dirname(DEV_FILE), { recursive: true });
      // Readers never see half of it; passwords of the databases are in it.
      await writeFile(`${DEV_FILE}.new`, content, { mode: 0o600 });
      await rename(`${DEV_FILE}.new`, DEV_FILE);
    });
  }
}

async function runningSupervisor(): Promise<number | undefined> {
  try {
    const { supervisor } = JSON.parse(await readFile(DEV_FILE, 'utf8')) as { supervisor?: number };
    if (supervisor === undefined) return undefined;
    process.kill(supervisor, 0);
    return supervisor;
  } catch {
    return undefined;
  }
}
