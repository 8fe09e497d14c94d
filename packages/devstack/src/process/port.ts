import { randomInt } from 'node:crypto';
import { createServer, connect } from 'node:net';
import { BanyanError } from '@banyan/runtime';
import { NotReady } from './readiness.js';

// Below the range from which kernels take the local ports of outgoing connections (32768 on Linux, 49152 on macOS): a
// server that is down for a moment finds its port free when it comes back.
const FIRST_PORT = 15_000;
const LAST_PORT = 32_000;
const PORT_TRIES = 50;
const START_TRIES = 5;
const TAKEN = /address already in use|could not bind|port is already allocated/i;

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES; tries++) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (await isFree(port)) return port;
  }
  throw new BanyanError('BANYAN_DEVSTACK', `no free port found in ${PORT_TRIES} tries on 127.0.0.1`, {
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

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
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
