import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BanyanError, wait } from '@banyan/runtime';
import { Child, type ChildSpec } from '../process/child.js';
import { outputOf } from '../process/command.js';
import { untilReady } from '../process/readiness.js';
import { dockerRun, removeContainer } from './docker.js';
import { type NatsProgram } from './finder.js';
import { natsInfo } from './info.js';

/** What one nats-server is started with, each time. */
export interface NatsPlace {
  dir: string;
  port: number;
  /** Tells it from another server that took the port in between. */
  serverName: string;
  /** More lines for its configuration file. */
  config: string;
  found: NatsProgram;
}

const READY_TIMEOUT_MS = 30_000;
const GRACE_MS = 10_000;
const PREDECESSOR_PATIENCE_MS = 15_000;

/** Starts it and waits until it takes connections, which is after JetStream has read its files. */
export async function launchNats(place: NatsPlace, signal: AbortSignal): Promise<Child> {
  await predecessorGone(place.dir, signal);
  await writeFile(configFile(place.dir), configuration(place));
  const child = await Child.spawn(childSpec(place));
  const ready = async (): Promise<true | undefined> => {
    const info = await natsInfo('127.0.0.1', place.port);
    return info?.serverName === place.serverName ? true : undefined;
  };
  await untilReady(child, ready, { timeoutMs: READY_TIMEOUT_MS, signal });
  return child;
}

function configFile(dir: string): string {
  return join(dir, 'nats.conf');
}

function pidFile(dir: string): string {
  return join(dir, 'nats.pid');
}

function configuration({ dir, port, serverName, config, found }: NatsPlace): string {
  const inContainer = found.how === 'docker';
  const lines = [
    `server_name: ${JSON.stringify(serverName)}`,
    // A container's port is published on the loopback address alone.
    `listen: ${inContainer ? '0.0.0.0' : '127.0.0.1'}:${port}`,
    `jetstream { store_dir: ${JSON.stringify(dir)} }`,
    ...(inContainer ? [] : [`pid_file: ${JSON.stringify(pidFile(dir))}`]),
    config,
  ];
  return `${lines.join('\n')}\n`;
}

function childSpec({ dir, port, found }: NatsPlace): ChildSpec {
  const common = {
    name: `nats-server on port ${port}`,
    cwd: '/',
    logFile: join(dir, 'nats.log'),
    stopSignal: 'SIGTERM',
    graceMs: GRACE_MS,
    isServer: true,
  } as const;
  if (found.how !== 'docker')
    return { ...common, command: found.program, args: ['--config', configFile(dir)] };
  const { args, name } = dockerRun(found, port, dir);
  return { ...common, command: 'docker', args, removeRemains: () => removeContainer(name) };
}

/**
 * nats-server does not lock its files: two on one folder would destroy each other's streams. One that is still on its way
 * out is awaited.
 */
async function predecessorGone(dir: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + PREDECESSOR_PATIENCE_MS;
  const pid = Number(await readFile(pidFile(dir), 'utf8').catch(() => '0'));
  while (pid > 0 && (await commandOf(pid)).includes(configFile(dir)) && !signal.aborted) {
    if (performance.now() > deadline) {
      throw new BanyanError('BANYAN_DEVSTACK', `nats-server ${pid} is running in ${dir} already`, {
        remedy: 'Stop it first, or use another folder.',
      });
    }
    await wait(50, signal);
  }
}

async function commandOf(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return outputOf('ps', ['-o', 'args=', '-p', String(pid)], { timeoutMs: 5_000 }).catch(() => '');
}
