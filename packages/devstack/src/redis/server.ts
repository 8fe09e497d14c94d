import { resolve } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { CommandProcess } from '../process/command-process.js';
import { onPort } from '../process/port.js';
import type { RestartableProcess } from '../process/restartable.js';
import { findRedis } from './finder.js';

/** A Redis started here: kill and restart it by its `process`. */
export interface RedisServer {
  url: string;
  port: number;
  process: RestartableProcess;
  stop: () => Promise<void>;
}

/**
 * Starts redis-server on a free port of 127.0.0.1, which writes nothing to disk unless it is told to (SAVE), and waits until
 * it takes connections. It stops when this process ends, however it ends.
 *
 * @throws BanyanError BANYAN_DEVSTACK if none is found (lists each attempt) or it does not come up (its own words)
 */
export async function startRedis({ dir }: { dir: string }): Promise<RedisServer> {
  const folder = resolve(dir);
  await mkdir(folder, { recursive: true });
  const { program, libraries } = await findRedis();
  return onPort(undefined, async (port) => {
    const settings = { bind: '127.0.0.1', port, dir: folder, save: '', appendonly: 'no' };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const env = libraries === '' ? {} : { LD_LIBRARY_PATH: libraries };
    const process = await CommandProcess.start(
      { name: `redis-${port}`, command: program, args, env, ready: { by: 'port', port } },
      folder,
    );
    return { url: `redis://127.0.0.1:${port}`, port, process, stop: () => process.stop() };
  });
}
