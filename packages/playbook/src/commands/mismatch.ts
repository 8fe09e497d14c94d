import type { Command } from 'commander';
import { MismatchStore, parseEdge, type Mismatch, type ReplayAnswer } from '@banyan/control';
import { BanyanError } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { reach } from '../control-plane.js';
import { giveEdge, processesOf } from '../edge-processes.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { mismatchInFull, mismatchLines, replayLines } from '../show-mismatch.js';
import { EDGE_ARGUMENT, type Surroundings } from './command-options.js';

const EXAMPLES = `
Examples:
  banyan mismatch list
  banyan mismatch list "tasks -> projects.GetProject"
  banyan mismatch show 3f0c9a1e
  banyan mismatch replay 3f0c9a1e

Exit codes: 0 done, of a replay: now equal; 1 failed, or still different; 2 could not be replayed or judged.`;

interface MismatchOptions {
  nats?: string;
  json?: boolean;
}

/** `banyan mismatch`: counterexamples, what a replica answered otherwise than its provider. */
export function addMismatch(program: Command, surroundings: Surroundings): void {
  const mismatch = program
    .command('mismatch')
    .description('answers of replicas that were not those of their providers')
    .addHelpText('after', EXAMPLES);
  withOptions(mismatch.command('list'))
    .description('all that are kept, oldest first: the first of each group and the latest; changes nothing')
    .argument('[edge...]', EDGE_ARGUMENT)
    .action((words: string[], options: MismatchOptions) =>
      withNats(options, surroundings, (connection) => list(connection, words.join(' '))),
    );
  withOptions(mismatch.command('show'))
    .description('one in full, with what is sensitive replaced by a hash; changes nothing')
    .argument('<id>', 'as the list shows it')
    .action((id: string, options: MismatchOptions) =>
      withNats(options, surroundings, async (connection) => {
        const found = await theOne(connection, id);
        return { json: { mismatch: found }, lines: mismatchInFull(found), code: EXIT.done };
      }),
    );
  withOptions(mismatch.command('replay'))
    .description('has a process of the calling service ask both sides again; changes nothing')
    .argument('<id>', 'as the list shows it')
    .action((id: string, options: MismatchOptions) =>
      withNats(options, surroundings, (connection) => replay(connection, id)),
    );
}

function withOptions(command: Command): Command {
  return command
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', EXAMPLES);
}

/** What a command has to say, for programs and for people, and how it ends. */
interface Told {
  json: Record<string, unknown>;
  lines: string[];
  code: ExitCode;
}

async function list(connection: NatsConnection, written: string): Promise<Told> {
  const store = await MismatchStore.open(connection);
  const mismatches = await store.list(written === '' ? undefined : parseEdge(written).text);
  return { json: { mismatches }, lines: mismatchLines(mismatches, Date.now()), code: EXIT.done };
}

/** Asks one process after the other, until one can: only that which saw a sensitive request still holds it. */
async function replay(connection: NatsConnection, id: string): Promise<Told> {
  const { edge, requestBytes } = await theOne(connection, id);
  const task = { do: 'replay' as const, id, ...(requestBytes === undefined ? {} : { requestBytes }) };
  let answer: ReplayAnswer = { replayed: false, because: 'no process answers' };
  for (const process of await processesOf(connection, edge)) {
    answer = (await giveEdge<ReplayAnswer>(connection, process, task)) ?? answer;
    if (answer.replayed) break;
  }
  return { json: { id, edge, ...answer }, lines: replayLines(id, answer), code: codeOf(answer) };
}

function codeOf(answer: ReplayAnswer): ExitCode {
  if (!answer.replayed || answer.outcome === 'unjudged') return EXIT.notYet;
  return answer.outcome === 'equal' || answer.outcome === 'late' ? EXIT.done : EXIT.failed;
}

/** @throws BanyanError BANYAN_MISMATCH_UNKNOWN */
async function theOne(connection: NatsConnection, id: string): Promise<Mismatch> {
  const found = await (await MismatchStore.open(connection)).find(id);
  if (found === undefined) throw new BanyanError('BANYAN_MISMATCH_UNKNOWN', `no mismatch ${id} is kept`);
  return found;
}

async function withNats(
  options: MismatchOptions,
  surroundings: Surroundings,
  work: (connection: NatsConnection) => Promise<Told>,
): Promise<void> {
  const { terminal, ended } = surroundings;
  const connection = await reach(findNats({ given: options.nats, ...surroundings }));
  try {
    const { json, lines, code } = await work(connection);
    if (options.json === true) terminal.out(JSON.stringify({ ok: code === EXIT.done, ...json }));
    else for (const line of lines) terminal.out(line);
    ended(code);
  } finally {
    await connection.close();
  }
}
