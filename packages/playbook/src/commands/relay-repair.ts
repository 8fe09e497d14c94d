import { isSound, type RepairOutcome } from '@banyan/contracts';
import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../exit-code.js';
import { repairLines } from '../show-audit.js';
import { isWanted, type Surroundings } from './command-options.js';
import { withRelay, withTaskOptions, type TaskContext, type TaskOptions } from './relay-task.js';

const EXAMPLES = `
Audits the stream, and asks the source for every event that is missing inside, as a reader would. A stream that denies
deletion cannot be filled in place: if the outbox still has all of its events, --yes deletes it and has the relay publish
it anew at the same positions; if not, it stays as it is, and readers get what is missing from the source.

Examples:
  banyan relay repair projects            says what is wrong and what would mend it
  banyan relay repair projects --yes      does it

Exit codes: 0 whole, or all that is missing is served; 1 events are lost, or a person has to decide; 2 not yet.`;

/** `banyan relay repair <source>`: mends a stream where that can be done. */
export function addRelayRepair(relay: Command, surroundings: Surroundings): void {
  const command = relay
    .command('repair')
    .description('mend a stream with holes, or say who serves what is missing');
  withTaskOptions(command)
    .argument('<source>', 'as in `banyan relay status`')
    .option('--yes', 'do it; without it the command says what it would do')
    .addHelpText('after', EXAMPLES)
    .action((source: string, options: TaskOptions) =>
      withRelay({ source, prefer: 'leading' }, { options, surroundings }, repair),
    );
}

async function repair(context: TaskContext): Promise<void> {
  const { give, options, surroundings } = context;
  const found = await give<RepairOutcome>({ do: 'repair', apply: options.yes === true });
  tell(found, context);
  if (found.plan !== 'rebuild' || found.rebuilt) return;
  if (await isWanted(options, surroundings.terminal)) {
    tell(await give<RepairOutcome>({ do: 'repair', apply: true }), context);
  } else if (options.json !== true) surroundings.terminal.out('Nothing was changed. Add --yes to do it.');
}

function tell(
  outcome: RepairOutcome,
  { relay, options, surroundings: { terminal, ended } }: TaskContext,
): void {
  const code = codeOf(outcome);
  if (options.json === true) terminal.out(JSON.stringify({ ok: code !== EXIT.failed, relay, ...outcome }));
  else for (const line of repairLines(outcome)) terminal.out(line);
  ended(code);
}

function codeOf({ plan, rebuilt, lost, audit }: RepairOutcome): ExitCode {
  if (rebuilt) return isSound(audit) ? EXIT.done : EXIT.failed;
  switch (plan) {
    case 'nothing':
      return EXIT.done;
    case 'wait':
    case 'rebuild':
      return EXIT.notYet;
    case 'serve':
      return lost.length === 0 ? EXIT.done : EXIT.failed;
    case 'decide':
      return EXIT.failed;
  }
}
