import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BanyanError } from '@banyan/runtime';
import { beginOf } from './process-begin.js';

interface Holder {
  pid: number;
  begin: string | undefined;
}

/**
 * At most one system at a time in a folder. The holder is named in `dev.lock` by process id and beginning, so what a
 * killed one left behind holds nobody up. Two that find the same remains in the same moment might both go on; then the
 * lock of PostgreSQL on its data stops the second.
 */
export class DevLock {
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
  }

  /**
   * @param folder where the lock lies; made if missing
   * @throws BanyanError BANYAN_DEVSTACK that names the process which holds it
   */
  static async take(folder: string): Promise<DevLock> {
    const file = join(folder, 'dev.lock');
    await mkdir(folder, { recursive: true });
    await removeRemains(file);
    const holder: Holder = { pid: process.pid, begin: await beginOf(process.pid) };
    await writeFile(file, `${JSON.stringify(holder)}\n`, { flag: 'wx' }).catch((cause: unknown) => {
      throw refusal(file, 'another process that starts just now', cause);
    });
    return new DevLock(file);
  }

  async release(): Promise<void> {
    await rm(this.#file, { force: true });
  }
}

async function removeRemains(file: string): Promise<void> {
  const holder = await holderIn(file);
  if (holder !== undefined && holder.begin === (await beginOf(holder.pid))) {
    throw refusal(file, `process ${holder.pid}`);
  }
  // Renamed first: of several who find it only one removes it.
  const remains = `${file}.${process.pid}`;
  await rename(file, remains).catch(() => undefined);
  await rm(remains, { force: true });
}

async function holderIn(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function refusal(file: string, who: string, cause?: unknown): BanyanError {
  return new BanyanError(
    'BANYAN_DEVSTACK',
    `a development stack runs here already: ${file} is held by ${who}`,
    {
      cause,
      remedy: 'Stop that one first (Ctrl-C), or give this one a folder of its own with `-- --dir <folder>`.',
    },
  );
}
