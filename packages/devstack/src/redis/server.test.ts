import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { testRedis } from '../testing/redis.js';

const redis = await testRedis();

/** Sends one line and gives the first answer. */
function ask(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(`${line}\r\n`));
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString().trim());
    });
    socket.once('error', reject);
  });
}

describe.skipIf(redis === undefined)('a Redis of a test', () => {
  it('answers, and comes back empty on the same port after it was killed', async () => {
    const { port, process, stop } = redis!;
    expect(await ask(port, 'SET a 1')).toBe('+OK');
    process.kill();
    await process.exited;
    await process.restart();
    expect(await ask(port, 'GET a')).toBe('$-1');
    await stop();
  });
});
