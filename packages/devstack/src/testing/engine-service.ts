import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { BanyanError, messageOf } from '@banyan/runtime';
import { startEngines, type TestEngines } from './engines.js';

/**
 * One pair of servers for all workers of a test run, started when the first test asks for it: a run of pure tests starts
 * none. The main process answers at an address that only its workers are told.
 */
export class EngineService {
  readonly #say: (line: string) => void;
  readonly #path = `/${randomBytes(16).toString('hex')}`;
  readonly #server: Server;
  #started: ReturnType<typeof startEngines> | undefined;

  /** @param say told in one line which servers are used */
  constructor(say: (line: string) => void) {
    this.#say = say;
    this.#server = createServer((request, response) => {
      if (request.url !== this.#path) {
        response.writeHead(404).end();
        return;
      }
      this.#engines().then(
        (engines) => response.end(JSON.stringify(engines)),
        (error: unknown) => response.writeHead(500).end(messageOf(error)),
      );
    });
  }

  /** @returns the address to ask at */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${this.#path}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    const started = await this.#started?.catch(() => undefined);
    await started?.stop();
  }

  async #engines(): Promise<TestEngines> {
    if (this.#started === undefined) {
      this.#started = startEngines();
      const { words } = await this.#started;
      this.#say(`tests run against: ${words}`);
    }
    return (await this.#started).engines;
  }
}

let known: Promise<TestEngines> | undefined;

/**
 * The servers of this test run, from within a test.
 *
 * @throws BanyanError BANYAN_DEVSTACK if they do not start, or if this is no Vitest worker of this workspace
 */
export function testEngines(): Promise<TestEngines> {
  known ??= askForEngines();
  return known;
}

async function askForEngines(): Promise<TestEngines> {
  // Not imported above: the stack itself is also started by programs that are no tests.
  const { inject } = await import('vitest');
  const response = await fetch(inject('banyanEngines'));
  const body = await response.text();
  if (response.ok) return JSON.parse(body) as TestEngines;
  throw new BanyanError('BANYAN_DEVSTACK', `the test run has no servers: ${body}`);
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Where workers ask for the servers of the run. */
    banyanEngines: string;
  }
}
