import { userInfo } from 'node:os';
import type { GateOptions } from '@banyan/control';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Terminal } from '../terminal.js';

/** What every command gets from its surroundings. */
export interface Surroundings {
  terminal: Terminal;
  env: NodeJS.ProcessEnv;
  folder: string;
  /** Says how the command ended. */
  ended: (code: number) => void;
}

export interface CommonOptions {
  nats?: string;
  json?: boolean;
  minComparisons: number;
  minReactions: number;
}

/** The options that all commands share. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print one JSON object on standard output')
    .addOption(
      new Option('--min-comparisons <n>', 'comparisons that the gate asks for since the last change')
        .default(200)
        .argParser(wholeNumber),
    )
    .addOption(
      new Option('--min-reactions <n>', 'effects that the gate of a reaction asks for since the last change')
        .default(50)
        .argParser(wholeNumber),
    );
}

/** What the user asks of gates. */
export function gateOptionsOf({ minComparisons, minReactions }: CommonOptions): GateOptions {
  return { minComparisons, minReactions };
}

/** The edge as the shell handed it over, in one piece or several. */
export const EDGE_ARGUMENT =
  'edge as in "tasks -> projects.GetProject" (quote it) or tasks:projects.GetProject';

/** Who is at the keyboard. */
export function userName(env: NodeJS.ProcessEnv): string {
  try {
    return userInfo().username;
  } catch {
    return env['USER'] ?? 'unknown';
  }
}

export function wholeNumber(value: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new InvalidArgumentError('It must be a whole number above 0.');
}

/** A share as it is written: `12.5` or `12.5%`. */
export function percent(value: string): number {
  const number = Number(value.replace(/%$/, ''));
  if (value !== '' && number >= 0 && number <= 100) return number;
  throw new InvalidArgumentError('It must be a percentage from 0 to 100.');
}

/** Whether to go ahead: by --yes, or by a person at the terminal. */
export async function isWanted(
  options: { yes?: boolean; json?: boolean },
  { confirm }: Pick<Terminal, 'confirm'>,
): Promise<boolean> {
  if (options.yes === true) return true;
  if (options.json === true || confirm === undefined) return false;
  return confirm('Do it?');
}
