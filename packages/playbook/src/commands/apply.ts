import { Option, type Command } from 'commander';
import { wholeNumber, shareOf, type Surroundings } from './command-options.js';
import { collect, durationOption, within, type ApplyCommandOptions } from './apply-context.js';
import { walk } from './apply-walk.js';
import { wish } from './apply-wish.js';

const EXAMPLES = `
Each step waits for its gate, is done, soaks and is recorded; the first in the file that can be done is done first. It may be
ended at any time, and goes on where it was: what is done is asked of the edges themselves. Ctrl-C ends it between two steps.

Examples:
  banyan apply                                       says what it would do, asks at a terminal
  banyan apply playbooks/teams.yaml --yes
  banyan apply --edge "tasks -> projects.GetProject" --yes
  banyan apply --until "advance tasks -> projects.GetProject to shadow" --yes
  banyan apply --yes --wait 10m                      exits with 2 if no step could be done for ten minutes
  banyan apply --yes --wait 0s                       does what can be done now
  banyan apply --postpone "advance tasks -> projects.GetProject to replica" --yes
  banyan apply status | pause | resume
  banyan apply postpone | release "advance tasks -> projects.GetProject to replica"

Exit codes: 0 all is done; 1 a step failed, or an edge stands lower than the run left it; 2 not yet.`;

/** `banyan apply [playbook]`: walks a playbook, and `status`, `pause`, `resume`, `postpone`, `release`. */
export function addApply(program: Command, surroundings: Surroundings): void {
  const apply = program
    .command('apply')
    .description('walk a playbook: each step once its gate passes')
    .addHelpText('after', EXAMPLES);
  const start = common(
    apply.command('start', { isDefault: true }).description('begin, or go on, and show how far it is'),
  );
  withWalkOptions(start.argument('[playbook]', PLAYBOOK))
    .addHelpText('after', EXAMPLES)
    .action((file: string | undefined, options: ApplyCommandOptions) =>
      within({ file, options, surroundings }, walk),
    );
  for (const [name, about] of WISHES) {
    common(apply.command(name).description(about).argument('[playbook]', PLAYBOOK)).action(
      (file: string | undefined, options: ApplyCommandOptions) =>
        within({ file, options, surroundings }, (context) => wish(name, context)),
    );
  }
  for (const [name, about] of ABOUT_STEPS) {
    common(
      apply.command(name).description(about).argument('<step>', 'its id, number in `banyan plan`, or words'),
    )
      .option('--playbook <file>', PLAYBOOK)
      .action((step: string, options: ApplyCommandOptions) =>
        within({ file: options.playbook, options, surroundings }, (context) => wish(name, context, step)),
      );
  }
}

const PLAYBOOK = 'the playbook; else the only one in playbooks/ here or above';

const WISHES = [
  ['status', 'how far the run is, and what it waits for'],
  ['pause', 'stop between two steps, until it is resumed'],
  ['resume', 'go on after a pause'],
] as const;

const ABOUT_STEPS = [
  ['postpone', 'have a step wait until it is released, however ready it is'],
  ['release', 'let a postponed step be done'],
] as const;

function common(command: Command): Command {
  return command
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print objects on standard output, one a line; the last is the result')
    .option('--by <name>', 'who does it; default: your user name');
}

function withWalkOptions(command: Command): Command {
  return command
    .option('--yes', 'do it; without it the command says what it would do')
    .option('--edge <edge>', 'only the steps of this edge, and what they need')
    .option('--until <step>', 'only up to this step of the file')
    .option('--postpone <step>', 'have a step wait until it is released; may be given again', collect, [])
    .addOption(
      new Option('--wait <duration>', 'give up once no step could be done for so long').argParser(
        durationOption,
      ),
    )
    .addOption(
      new Option('--timeout <ms>', 'how long to wait at once until every process runs a change')
        .default(10_000)
        .argParser(wholeNumber),
    )
    .addOption(
      new Option('--max-errors <share>', 'rehearsals: how many of the calls may fail')
        .default(0.001)
        .argParser(shareOf),
    )
    .addOption(
      new Option('--min-calls <n>', 'rehearsals: with fewer calls nothing is said')
        .default(10)
        .argParser(wholeNumber),
    );
}
