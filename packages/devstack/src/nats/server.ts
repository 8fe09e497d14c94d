import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BanyanError, flag, resolveOptions, text, wholeNumber, type OptionRules } from '@banyan/runtime';
import { refuseWindows, setting } from '../environment.js';
import { onPort } from '../process/port.js';
import { RestartableProcess, type Launch } from '../process/restartable.js';
import { anyTextRule, logRule, type LogLine } from '../start-options.js';
import { findNats, type NatsOrigin, type NatsProgram } from './finder.js';
import { natsInfo } from './info.js';
import { isSupported, OLDEST_NATS } from './installed.js';
import { launchNats } from './launch.js';

export interface StartNatsOptions {
  /** Folder for the configuration, the log (`nats.log`) and JetStream's files (`jetstream/`); made if missing. */
  dir: string;
  /** TCP port on 127.0.0.1. Default 0: one that is free. */
  port?: number;
  /** More lines for the server's configuration file, e.g. `max_payload: 64KB`. Default: none. */
  config?: string;
  /** Never use the server that `NATS_URL` names: for tests that kill theirs. Default: false. */
  own?: boolean;
  /** Told in a line which server is used, of which version, and where it was found. Default: nobody. */
  log?: LogLine;
}

const RULES: OptionRules<StartNatsOptions> = {
  dir: text(),
  port: wholeNumber(0, 65_535, 0),
  config: anyTextRule(''),
  own: flag(false),
  log: logRule(),
};

interface NatsFacts {
  url: string;
  port: number;
  serverVersion: string;
  /** How it was found. */
  how: NatsOrigin;
  /** JetStream's files; undefined for a server that `NATS_URL` names. */
  storeDir: string | undefined;
  /** Undefined for a server that `NATS_URL` names. */
  process: RestartableProcess | undefined;
}

/** A NATS server with JetStream: one started here, or the one that `NATS_URL` names, which is only ever used. */
export class NatsServer {
  readonly url: string;
  readonly port: number;
  readonly serverVersion: string;
  readonly how: NatsOrigin;
  readonly storeDir: string | undefined;
  /** To be given to a supervisor. */
  readonly process: RestartableProcess | undefined;

  constructor(facts: NatsFacts) {
    this.url = facts.url;
    this.port = facts.port;
    this.serverVersion = facts.serverVersion;
    this.how = facts.how;
    this.storeDir = facts.storeDir;
    this.process = facts.process;
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  /** Ends it without notice. Acknowledged messages that were not yet synced may be lost with the machine, not with this. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#own('kill').kill(signal);
  }

  /** Starts it again on the same port and files; stops it first if it runs. */
  async restart(): Promise<void> {
    await this.#own('restart').restart();
  }

  /** Stops it if it was started here. Stopping twice is legal. */
  async stop(): Promise<void> {
    await this.process?.stop();
  }

  #own(what: string): RestartableProcess {
    if (this.process !== undefined) return this.process;
    throw new BanyanError('BANYAN_DEVSTACK', `cannot ${what} ${this.url}: it was not started here`, {
      remedy: 'Start a server of your own with the option `own: true`.',
    });
  }
}

/**
 * Starts nats-server with JetStream and waits until it takes connections; it stops when this process ends, however it
 * ends. With `NATS_URL` set it uses that server and starts nothing.
 *
 * @throws BanyanError BANYAN_DEVSTACK if none is found (lists each attempt) or it does not come up (its own words)
 */
export async function startNats(options: StartNatsOptions): Promise<NatsServer> {
  refuseWindows();
  const resolved = resolveOptions('startNats', RULES, options);
  const given = setting('NATS_URL');
  if (given !== undefined && !resolved.own) {
    const server = await givenNats(given);
    resolved.log(`nats-server ${server.serverVersion} at ${server.url}, given by NATS_URL`);
    return server;
  }
  return startOwn({ ...resolved, dir: resolve(resolved.dir) });
}

async function startOwn({ dir, port, config, log }: Required<StartNatsOptions>): Promise<NatsServer> {
  await mkdir(dir, { recursive: true });
  const found = await findNats();
  const server = await onPort(port === 0 ? undefined : port, async (port) => {
    const serverName = `banyan-${randomBytes(6).toString('hex')}`;
    const launch: Launch = (signal) => launchNats({ dir, port, serverName, config, found }, signal);
    const process = new RestartableProcess(launch, await launch(new AbortController().signal));
    const info = await natsInfo('127.0.0.1', port);
    const url = `nats://127.0.0.1:${port}`;
    const storeDir = join(dir, 'jetstream');
    return new NatsServer({
      url,
      port,
      serverVersion: info?.version ?? 'unknown',
      how: found.how,
      storeDir,
      process,
    });
  });
  log(`nats-server ${server.serverVersion} from ${placeOf(found)}: port ${server.port}, files in ${dir}`);
  return server;
}

function placeOf(found: NatsProgram): string {
  return found.how === 'docker' ? `docker image ${found.image}` : `${found.program} (${found.how})`;
}

/** @throws BanyanError BANYAN_DEVSTACK if it does not answer, is too old, or has no JetStream */
async function givenNats(urls: string): Promise<NatsServer> {
  const first = urls.split(',')[0] ?? urls;
  const { hostname, port: text } = new URL(first.includes('://') ? first : `nats://${first}`);
  const port = text === '' ? 4222 : Number(text);
  const info = await natsInfo(hostname.replace(/^\[|\]$/g, ''), port);
  const obstacle =
    info === undefined
      ? 'no NATS server answers there'
      : !isSupported(info.version)
        ? `it is ${info.version}, older than ${OLDEST_NATS}`
        : info.jetStream
          ? undefined
          : 'JetStream is not enabled';
  if (info === undefined || obstacle !== undefined) {
    throw new BanyanError(
      'BANYAN_DEVSTACK',
      `NATS_URL=${hostname}:${port} cannot be used: ${obstacle ?? ''}`,
      {
        remedy: 'Start that server with JetStream (`nats-server -js`), or unset NATS_URL.',
      },
    );
  }
  const facts = { url: urls, port, serverVersion: info.version, how: 'NATS_URL' } as const;
  return new NatsServer({ ...facts, storeDir: undefined, process: undefined });
}
