import { QUERY_STAGES, REACTION_STAGES } from '@banyan/control';
import type { Argument, Command, Option } from 'commander';

/** What may stand where the cursor is. */
export interface Candidate {
  word: string;
  /** Shown beside it by shells that can. */
  about: string;
}

/** What an argument's name says of the names that fit it; only a running system knows them. */
export type Asked = 'edge' | 'source' | 'replica';

/** What can follow on a line: fixed words, and the kind of names to ask for. */
export interface Completion {
  candidates: Candidate[];
  ask: Asked | undefined;
}

const STAGES = [...new Set<string>([...QUERY_STAGES, ...REACTION_STAGES])];

/**
 * What can follow on a command line.
 * @param words those after `banyan`, the last of them the one that is being written, perhaps empty
 */
export function complete(program: Command, words: readonly string[]): Completion {
  const word = words.at(-1) ?? '';
  const { command, arguments: given, option } = walk(program, words.slice(0, -1));
  if (option !== undefined) return { candidates: valuesOf(option), ask: undefined };
  if (word.startsWith('-')) return { candidates: optionsOf(command), ask: undefined };
  const { registeredArguments } = argumentsFor(command);
  const argument = registeredArguments[given] ?? lastVariadic(registeredArguments);
  const subcommands = given === 0 ? subcommandsOf(command) : [];
  return { candidates: [...subcommands, ...choicesOf(argument)], ask: askedFor(argument) };
}

interface Place {
  command: Command;
  /** How many of its arguments are written already. */
  arguments: number;
  /** The option whose value is next. */
  option: Option | undefined;
}

function walk(program: Command, words: readonly string[]): Place {
  let place: Place = { command: program, arguments: 0, option: undefined };
  for (const word of words) place = step(place, word);
  return place;
}

function step({ command, arguments: given, option }: Place, word: string): Place {
  if (option !== undefined) return { command, arguments: given, option: undefined };
  if (word.startsWith('-')) {
    const known = allOptions(command).find(({ long, short }) => word === long || word === short);
    return { command, arguments: given, option: known?.required === true ? known : undefined };
  }
  const sub = given === 0 ? command.commands.find((each) => each.name() === word) : undefined;
  if (sub !== undefined) return { command: sub, arguments: 0, option: undefined };
  return { command, arguments: given + 1, option: undefined };
}

/** A command that only has subcommands takes the arguments of the one that is meant without a word. */
function argumentsFor(command: Command): Command {
  return defaultOf(command) ?? command;
}

function allOptions(command: Command): readonly Option[] {
  return [...command.options, ...(defaultOf(command)?.options ?? [])];
}

/** commander keeps the name of the default subcommand to itself; here it is always `start`. */
function defaultOf(command: Command): Command | undefined {
  if (command.registeredArguments.length > 0) return undefined;
  return command.commands.find((each) => each.name() === 'start');
}

function subcommandsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((each) => ({ word: each.name(), about: each.description() }));
}

function optionsOf(command: Command): Candidate[] {
  return allOptions(command).flatMap(({ long, description, hidden }) =>
    long === undefined || hidden ? [] : [{ word: long, about: description }],
  );
}

function valuesOf({ long, argChoices }: Option): Candidate[] {
  const values = argChoices ?? (long === '--to' ? STAGES : []);
  return values.map((word) => ({ word, about: '' }));
}

function choicesOf(argument: Argument | undefined): Candidate[] {
  return (argument?.argChoices ?? []).map((word) => ({ word, about: '' }));
}

function lastVariadic(known: readonly Argument[]): Argument | undefined {
  const last = known.at(-1);
  return last?.variadic === true ? last : undefined;
}

function askedFor(argument: Argument | undefined): Asked | undefined {
  const name = argument?.name();
  return name === 'edge' || name === 'source' || name === 'replica' ? name : undefined;
}
