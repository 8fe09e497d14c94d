import { messageOf } from '@banyan/runtime';
import { startRedis, type RedisServer } from '../redis/server.js';
import { temporaryFolder } from '../temporary-folder.js';

/** A Redis of the test's own, which it may kill. */
export type TestRedis = RedisServer;

/**
 * Starts a Redis; undefined where the machine can have none, which is said out loud: tests that need one are then skipped.
 */
export async function testRedis(): Promise<TestRedis | undefined> {
  const folder = await temporaryFolder();
  try {
    const server = await startRedis({ dir: folder.path });
    const stop = async (): Promise<void> => {
      await server.stop();
      await folder.remove();
    };
    return { ...server, stop };
  } catch (error) {
    await folder.remove();
    process.stderr.write(`\n*** TESTS ON REDIS ARE SKIPPED: ${messageOf(error)} ***\n\n`);
    return undefined;
  }
}
