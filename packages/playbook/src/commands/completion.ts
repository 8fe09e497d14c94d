import { Argument, type Command } from 'commander';
import { complete, type Asked, type Candidate } from '../completion/candidates.js';
import { liveNames } from '../completion/live-names.js';
import { SCRIPTS, SHELLS, type Shell } from '../completion/scripts.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import type { Surroundings } from './command-options.js';

const EXAMPLES = `
Examples:
  eval "$(banyan completion bash)"                                         in ~/.bashrc
  eval "$(banyan completion zsh)"                                          in ~/.zshrc, after compinit
  banyan completion fish > ~/.config/fish/completions/banyan.fish

Edges, sources and replicas are completed too, where NATS answers within half a second.`;

/** `banyan completion <shell>`: a script for the shell. */
export function addCompletion(program: Command, surroundings: Surroundings): void {
  const { terminal, ended } = surroundings;
  program
    .command('completion')
    .description('print what a shell needs to complete commands, options and edges')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText('after', EXAMPLES)
    .action((shell: Shell) => {
      terminal.out(SCRIPTS[shell]);
      ended(EXIT.done);
    });
  program
    .command('complete', { hidden: true })
    .description('what can follow on a command line; the scripts ask this')
    .argument('[words...]')
    .action(async (words: string[]) => {
      for (const { word, about } of await candidatesFor(program, words, surroundings))
        terminal.out(`${word}\t${about}`);
      ended(EXIT.done);
    });
}

async function candidatesFor(
  program: Command,
  words: readonly string[],
  surroundings: Surroundings,
): Promise<Candidate[]> {
  const { candidates, ask } = complete(program, words);
  const names = ask === undefined ? [] : await namesOf(ask, words, surroundings);
  const begun = words.at(-1) ?? '';
  return [...names, ...candidates].filter(({ word }) => word.startsWith(begun));
}

/** The broker is the one that the line names, else the one that the command would use. */
async function namesOf(
  ask: Asked,
  words: readonly string[],
  surroundings: Surroundings,
): Promise<Candidate[]> {
  const flag = words.indexOf('--nats');
  const given = flag < 0 ? undefined : words[flag + 1];
  try {
    return await liveNames(findNats({ given, ...surroundings }), ask);
  } catch {
    return [];
  }
}
