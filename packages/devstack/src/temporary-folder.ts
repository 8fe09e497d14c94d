import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watchdog } from './process/watchdog.js';

export interface TemporaryFolder {
  path: string;
  remove: () => Promise<void>;
}

/** A folder that goes at the latest when this process ends, however it ends, after the servers in it have stopped. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'banyan-'));
  // Open to the user that the PostgreSQL server may have to run as.
  await chmod(path, 0o711);
  watchdog.removeAtEnd(path);
  const remove = async (): Promise<void> => {
    await rm(path, { recursive: true, force: true, maxRetries: 5 });
    watchdog.forget(path);
  };
  return { path, remove };
}
