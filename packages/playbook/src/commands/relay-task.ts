import type { RelayFound, RelayTask } from '@banyan/contracts';
import type { Command } from 'commander';
import type { NatsConnection } from '@nats-io/nats-core';
import { reach } from '../control-plane.js';
import { findNats } from '../find-nats.js';
import { findRelay, giveTask, type WhichRelay } from '../relay-client.js';
import type { Surroundings } from './command-options.js';

/** The options of commands that give a relay a task. */
export interface TaskOptions {
  nats?: string;
  relay?: string;
  json?: boolean;
  yes?: boolean;
}

/** How often a person is told how far it is, in ms. */
const TELL_MS = 2000;

/** A relay that was found, and how to give it tasks. */
export interface TaskContext {
  relay: RelayFound;
  options: TaskOptions;
  surroundings: Surroundings;
  give: <Result>(task: RelayTask) => Promise<Result>;
}

/** The options that these commands share. */
export function withTaskOptions(command: Command): Command {
  return command
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--relay <host:pid>', 'which relay, if relays on several databases claim to be the source')
    .option('--json', 'print one JSON object on standard output');
}

/** Connects, finds the relay, and hands it to `use`; disconnects after. */
export async function withRelay(
  which: Pick<WhichRelay, 'source' | 'prefer'>,
  { options, surroundings }: Pick<TaskContext, 'options' | 'surroundings'>,
  use: (context: TaskContext) => Promise<void>,
): Promise<void> {
  const connection = await reach(findNats({ given: options.nats, ...surroundings }));
  try {
    const relay = await findRelay(connection, { ...which, relay: options.relay });
    await use({ relay, options, surroundings, give: giver(connection, relay, { options, surroundings }) });
  } finally {
    await connection.close();
  }
}

function giver(
  connection: NatsConnection,
  relay: RelayFound,
  { options, surroundings: { terminal } }: Pick<TaskContext, 'options' | 'surroundings'>,
): TaskContext['give'] {
  let toldMs = performance.now();
  const onProgress = ({ done, of }: { done: number; of: number }): void => {
    if (options.json === true || of === 0 || performance.now() - toldMs < TELL_MS) return;
    toldMs = performance.now();
    terminal.err(`${relay.relay}: ${done} of ${of} (${Math.floor((100 * done) / of)} %)`);
  };
  return (task) => giveTask(connection, relay, { task, onProgress });
}
