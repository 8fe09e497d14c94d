import { createRequire } from 'node:module';
import { ClosedConnectionError } from '@nats-io/nats-core';
import { Command, CommanderError } from 'commander';
import { BanyanError, messageOf } from '@banyan/runtime';
import { addAdvance } from './commands/advance.js';
import { addApply } from './commands/apply.js';
import { addBack } from './commands/back.js';
import { addBackfill } from './commands/backfill.js';
import { addCalibrate } from './commands/calibrate.js';
import type { Surroundings } from './commands/command-options.js';
import { addCapture } from './commands/capture.js';
import { addHistory } from './commands/history.js';
import { addInit } from './commands/init.js';
import { addFlag } from './commands/flag.js';
import { addMismatch } from './commands/mismatch.js';
import { addCompletion } from './commands/completion.js';
import { addDiscover } from './commands/discover.js';
import { addDoctor } from './commands/doctor.js';
import { addEvidence } from './commands/evidence.js';
import { addParked } from './commands/parked.js';
import { addPlan } from './commands/plan.js';
import { addQuiet } from './commands/quiet.js';
import { addRebuild } from './commands/rebuild.js';
import { addRehearse } from './commands/rehearse.js';
import { addRelay } from './commands/relay.js';
import { addReport } from './commands/report.js';
import { addStatus } from './commands/status.js';
import { EXIT, type ExitCode } from './exit-code.js';
import { NotYet } from './not-yet.js';
import { processTerminal, type Terminal } from './terminal.js';

const { version: VERSION } = createRequire(import.meta.url)('../package.json') as { version: string };

/** How wide help is where the terminal does not say. */
const HELP_COLUMNS = 100;

export interface RunOptions {
  terminal: Terminal;
  env: NodeJS.ProcessEnv;
  /** Where the search for the development stack begins. */
  folder: string;
}

/** Runs one `banyan` command; gives its exit code and never throws. */
export async function run(args: readonly string[], { terminal, env, folder }: RunOptions): Promise<number> {
  let code: number = EXIT.done;
  const surroundings = { terminal, env, folder, ended: (ended: number) => (code = ended) };
  try {
    await programOf(surroundings).parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    return fail(error, terminal, args.includes('--json'));
  }
}

/** Runs the command that this process was started with. */
export async function runInTerminal(): Promise<void> {
  const options = { terminal: processTerminal(), env: process.env, folder: process.cwd() };
  process.exitCode = await run(process.argv.slice(2), options);
}

/** All commands, in the order of the help. */
export function programOf(surroundings: Surroundings): Command {
  const { terminal } = surroundings;
  const program = new Command('banyan')
    .description('Moves gRPC call edges to events, one stage at a time, with a way back at every step.')
    .version(VERSION, '--version', 'print the version')
    .exitOverride()
    .configureOutput({
      getOutHelpWidth: () => terminal.columns?.() ?? HELP_COLUMNS,
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .showHelpAfterError('(banyan --help lists the commands, banyan <command> --help gives examples)');
  const commands = [
    addStatus,
    addEvidence,
    addHistory,
    addReport,
    addDiscover,
    addQuiet,
    addInit,
    addDoctor,
    addPlan,
    addApply,
    addRehearse,
    addAdvance,
    addBack,
    addFlag,
    addRelay,
    addParked,
    addCapture,
    addBackfill,
    addRebuild,
    addMismatch,
    addCalibrate,
    addCompletion,
  ];
  for (const add of commands) add(program, surroundings);
  return program;
}

/** One line a failure: code, message, remedy. With --json the same as an object on standard output too. */
function fail(error: unknown, terminal: Terminal, json: boolean): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
  const told = describe(error);
  // commander has said its own by now
  if (!(error instanceof CommanderError)) {
    terminal.err(`${told.code}: ${told.message}${told.remedy === '' ? '' : ` — ${told.remedy}`}`);
  }
  if (json) terminal.out(JSON.stringify({ ok: false, error: told }));
  return error instanceof NotYet ? EXIT.notYet : EXIT.failed;
}

function describe(error: unknown): { code: string; message: string; remedy: string } {
  if (error instanceof BanyanError) {
    return { code: error.code, message: error.rawMessage, remedy: error.remedy };
  }
  if (error instanceof ClosedConnectionError) {
    const remedy = 'Ask again once NATS answers; what was begun goes on without this command.';
    return { code: 'BANYAN_CONTROL_UNREACHABLE', message: 'the connection to NATS was lost', remedy };
  }
  return { code: 'UNEXPECTED', message: messageOf(error), remedy: '' };
}
