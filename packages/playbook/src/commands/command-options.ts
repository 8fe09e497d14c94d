import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { defaultTerms, type GateTermsFor } from '@banyan/control';
import { BanyanError } from '@banyan/runtime';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { termsIn } from '../apply/gate-terms.js';
import { durationMs } from '../plan/duration.js';
import { readPlan } from '../plan/read-plan.js';
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
  maxDisagreement?: number;
  confidence?: number;
  minReactions?: number;
  /** The playbook by whose settings gates judge. */
  playbook?: string;
}

/** The options that all commands share. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print one JSON object on standard output')
    .addOption(
      new Option(
        '--max-disagreement <share>',
        'how many of the comparisons since the last change may disagree; default: 0.01',
      ).argParser(shareOf),
    )
    .addOption(
      new Option(
        '--confidence <share>',
        'how sure the gate has to be that no more do, above 0.5; default: 0.95',
      ).argParser(shareOf),
    )
    .addOption(
      new Option(
        '--min-reactions <n>',
        'effects that the gate of a reaction asks for since the last change; default: 50',
      ).argParser(wholeNumber),
    );
}

/** For commands that ask gates: whose settings. */
export function withGatePlaybook(command: Command): Command {
  return withCommonOptions(command).option(
    '--playbook <file>',
    'gates ask what the edge’s next step in this playbook does, as `banyan apply` would',
  );
}

/** By which settings gates judge: those of the playbook if one is given, and over them what the user asks for. */
export function gateTermsOf(options: CommonOptions, { folder }: Pick<Surroundings, 'folder'>): GateTermsFor {
  const { playbook } = options;
  return askedOver(
    playbook === undefined ? defaultTerms : termsIn(readPlan(resolve(folder, playbook))),
    options,
  );
}

/** The same settings, but for those that the user asks for. */
export function askedOver(
  termsFor: GateTermsFor,
  { maxDisagreement, confidence, minReactions }: CommonOptions,
): GateTermsFor {
  const asked = {
    ...(maxDisagreement === undefined ? {} : { maxDisagreement }),
    ...(confidence === undefined ? {} : { confidence }),
    ...(minReactions === undefined ? {} : { minReactions }),
  };
  if (Object.keys(asked).length === 0) return termsFor;
  return (edge) => {
    const { gate, from } = termsFor(edge);
    return { gate: { ...gate, ...asked }, from: from === 'defaults' ? 'options' : `options over ${from}` };
  };
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

/** A share as a number below 1, or in percent: `0.01` or `1%`. */
export function shareOf(value: string): number {
  const number = value.endsWith('%') ? Number(value.slice(0, -1)) / 100 : Number(value);
  if (number > 0 && number < 1) return number;
  throw new InvalidArgumentError('It must be above 0 and below 1, or a percentage such as 1%.');
}

/** A share as it is written: `12.5` or `12.5%`. */
export function percent(value: string): number {
  const number = Number(value.replace(/%$/, ''));
  if (value !== '' && number >= 0 && number <= 100) return number;
  throw new InvalidArgumentError('It must be a percentage from 0 to 100.');
}

/** A duration as playbooks write them, in ms. */
export function duration(value: string): number {
  try {
    return durationMs(value);
  } catch (error) {
    if (!(error instanceof BanyanError)) throw error;
    throw new InvalidArgumentError(error.remedy);
  }
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
