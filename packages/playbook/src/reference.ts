import type { Command } from 'commander';
import { programOf } from './main.js';

/** The help of every command in Markdown, as `docs/cli.md` has it. */
export function commandReference(): string {
  const help: string[] = [];
  const surroundings = {
    terminal: { out: (text: string) => void help.push(text), err: () => undefined, confirm: undefined },
    env: {},
    folder: '.',
    ended: () => undefined,
  };
  const told = (command: Command): string => {
    help.length = 0;
    command.outputHelp();
    return help.join('\n');
  };
  const program = programOf(surroundings);
  return allOf(program)
    .map((command) => `## ${nameOf(command)}\n\n\`\`\`text\n${told(command)}\n\`\`\`\n`)
    .join('\n');
}

/** A command, and after it its visible subcommands with theirs. */
function allOf(command: Command): Command[] {
  const visible = command.createHelp().visibleCommands(command);
  return [command, ...visible.filter((each) => each.name() !== 'help').flatMap(allOf)];
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}
