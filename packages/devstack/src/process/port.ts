import { randomInt } from 'node:crypto';
import { createServer, connect, type Server } from 'node:net';
import { BanyanError } from '@banyan/runtime';
import { NotReady } from './readiness.js';

// Below the range from which kernels take the local ports of outgoing connections (32768 on Linux, 49152 on macOS): a
// server that is down for a moment finds its port free when it comes back.
const FIRST_PORT = 15_000;
const LAST_PORT = 32_000;
const BLOCK = 50;
const BLOCK_TRIES = 50;
const START_TRIES = 5;
const TAKEN = /address already in use|could not bind|port is already allocated/i;

/** What this process may still give away: the ports of one block, which it holds by listening on the block's first. */
let unused: number[] = [];
let taking: Promise<void> | undefined;

/**
 * A TCP port of 127.0.0.1 that is free, and that no other process is given by this function: ports are often used some
 * time after they are chosen. A process takes them from a block of its own for as long as it lives.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    while (unused.length === 0) {
      await (taking ??= takeBlock().finally(() => (taking = undefined)));
    }
    const port = unused.shift();
    if (port !== undefined && (await isFree(port))) return port;
  }
}

async function takeBlock(): Promise<void> {
  for (let tries = 0; tries < BLOCK_TRIES; tries++) {
    const first = FIRST_PORT + BLOCK * randomInt((LAST_PORT - FIRST_PORT) / BLOCK);
    const held = await listening(first);
    if (held === undefined) continue;
    held.unref();
    unused = Array.from({ length: BLOCK - 1 }, (_, index) => first + 1 + index);
    return;
  }
  throw new BanyanError('BANYAN_DEVSTACK', `no free port found in ${BLOCK_TRIES} tries on 127.0.0.1`, {
    remedy: `End what listens on ports ${FIRST_PORT} to ${LAST_PORT}.`,
  });
}

/**
 * Starts something on the given port, or on a free one; should another process take that one in between, on the next.
 */
export async function onPort<T>(given: number | undefined, start: (port: number) => Promise<T>): Promise<T> {
  if (given !== undefined) return start(given);
  for (let tries = 1; ; tries++) {
    try {
      return await start(await freePort());
    } catch (error) {
      const taken = error instanceof NotReady && TAKEN.test(error.log);
      if (!taken || tries === START_TRIES) throw error;
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = await listening(port);
  if (server === undefined) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

function listening(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/** What a server says first, or '' if it accepts and says nothing within `patienceMs`; undefined if nobody listens. */
export function greeting(host: string, port: number, patienceMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let accepted = false;
    const end = (words?: string): void => {
      socket.destroy();
      resolve(words);
    };
    socket.once('connect', () => (accepted = true));
    socket.once('data', (bytes) => end(bytes.toString()));
    socket.once('error', () => end());
    socket.setTimeout(patienceMs, () => end(accepted ? '' : undefined));
  });
}
