import { Option, type Command } from 'commander';
import { EDGE_ARGUMENT, percent, wholeNumber, withGatePlaybook } from './command-options.js';

/** The arguments and options of the commands that move an edge. */
export function withMoveOptions(command: Command): Command {
  return withGatePlaybook(command)
    .argument('<edge...>', EDGE_ARGUMENT)
    .option('--to <stage>', 'the stage to move to')
    .addOption(
      new Option('--share <percent>', 'percent of the keys that move; default: all').argParser(percent),
    )
    .option('--yes', 'do it; without it the command says what it would do')
    .option('--by <name>', 'who makes the change; default: your user name')
    .option('--reason <text>', 'why; it is recorded with the change')
    .addOption(
      new Option('--timeout <ms>', 'how long to wait until every process runs the change')
        .default(10_000)
        .argParser(wholeNumber),
    );
}
