import type { NatsConnection } from '@nats-io/nats-core';
import { Option, type Command } from 'commander';
import { FlagStore, type FlagRecord } from '@banyan/control';
import { BanyanError, nearestName } from '@banyan/runtime';
import { reach } from '../control-plane.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { showFlag, showFlags } from '../show-flag.js';
import { percent, wholeNumber, type Surroundings } from './command-options.js';
import { readValue, setFlag, type SetOptions } from './flag-set.js';

const EXAMPLES = `
Examples:
  banyan flag list
  banyan flag get orders.by-event
  banyan flag set orders.by-event true --share 10 --ramp-by project --yes
  banyan flag set orders.by-event true --keys p7,p9 --yes        for these keys, whatever the share
  banyan flag set orders.by-event true --yes                     for all
  banyan flag set orders.path event --others call --share 5 --yes

Programs ask for them through OpenFeature; see docs/flags.md. Edges are flags too: banyan advance and back change those.
Exit codes: 0 the change is in force everywhere; 1 failed; 2 not yet.`;

interface FlagOptions {
  nats?: string;
  json?: boolean;
}

/** `banyan flag`: switches for any piece of code, kept as the stages are. */
export function addFlag(program: Command, surroundings: Surroundings): void {
  const flag = program
    .command('flag')
    .description('flags for any piece of code, by key or for all')
    .addHelpText('after', EXAMPLES);
  withOptions(flag.command('list'))
    .description('all flags; changes nothing')
    .action((options: FlagOptions) =>
      using(options, surroundings, (nats) => list(nats, options, surroundings)),
    );
  withOptions(flag.command('get'))
    .description('one flag with its changes; changes nothing')
    .argument('<flag>', 'its name')
    .action((name: string, options: FlagOptions) =>
      using(options, surroundings, (nats) => get(nats, name, { options, surroundings })),
    );
  withSetOptions(withOptions(flag.command('set')))
    .description('gives a flag a value, for all keys or some')
    .argument('<flag>', 'its name; one that there is not is made')
    .argument('<value>', 'true, false, or a text')
    .action((name: string, value: string, options: SetOptions & FlagOptions) =>
      using(options, surroundings, (nats) =>
        setFlag(nats, { flag: name, value: readValue(value) }, { options, surroundings }),
      ),
    );
}

function withOptions(command: Command): Command {
  return command
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print one JSON object on standard output');
}

function withSetOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--share <percent>', 'percent of the keys that have it; default: all').argParser(percent),
    )
    .option('--keys <keys>', 'keys that have it whatever the share, with commas between them')
    .option('--others <value>', 'the value of all other keys; default: the one before')
    .option('--ramp-by <group>', 'what the keys are, e.g. project; default: as before, else the flag’s name')
    .option('--yes', 'do it; without it the command says what it would do')
    .option('--by <name>', 'who makes the change; default: your user name')
    .option('--reason <text>', 'why; it is recorded with the change')
    .addOption(
      new Option('--timeout <ms>', 'how long to wait until every process runs the change')
        .default(10_000)
        .argParser(wholeNumber),
    );
}

async function using(
  { nats }: FlagOptions,
  surroundings: Surroundings,
  use: (connection: NatsConnection) => Promise<void>,
): Promise<void> {
  const connection = await reach(findNats({ given: nats, ...surroundings }));
  try {
    await use(connection);
  } finally {
    await connection.close();
  }
}

async function list(
  connection: NatsConnection,
  { json }: FlagOptions,
  { terminal, ended }: Surroundings,
): Promise<void> {
  const flags = await (await FlagStore.open(connection)).list();
  if (json === true) terminal.out(JSON.stringify({ ok: true, flags }));
  else for (const line of showFlags(flags, Date.now())) terminal.out(line);
  ended(EXIT.done);
}

async function get(
  connection: NatsConnection,
  name: string,
  { options, surroundings }: { options: FlagOptions; surroundings: Surroundings },
): Promise<void> {
  const { terminal, ended } = surroundings;
  const store = await FlagStore.open(connection);
  const flag = await store.read(name);
  if (flag === undefined) throw unknown(name, await store.list());
  const history = await store.history(name);
  if (options.json === true) terminal.out(JSON.stringify({ ok: true, flag, history }));
  else for (const line of showFlag(flag, history)) terminal.out(line);
  ended(EXIT.done);
}

function unknown(name: string, flags: readonly FlagRecord[]): BanyanError {
  const near = nearestName(
    name,
    flags.map(({ flag }) => flag),
  );
  const hint = near === undefined ? '' : `: did you mean '${near}'?`;
  return new BanyanError('BANYAN_FLAG_UNKNOWN', `there is no flag ${name}${hint}`);
}
