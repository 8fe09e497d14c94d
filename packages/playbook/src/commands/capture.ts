import type { CaptureOutcome } from '@banyan/contracts';
import type { Command } from 'commander';
import { EXIT } from '../exit-code.js';
import { isWanted, type Surroundings } from './command-options.js';
import { withRelay, withTaskOptions, type TaskContext, type TaskOptions } from './relay-task.js';

const EXAMPLES = `
Examples:
  banyan capture list billing
  banyan capture enable billing public.invoice            tries it, undoes it, and says what it would do
  banyan capture enable billing public.invoice --yes
  banyan capture disable billing public.invoice --yes

A relay of the source does it, with its database role: the role has to own the table. See docs/legacy-writers.md.
Exit codes: 0 it is so; 1 failed; 2 not told to do it.`;

/** `banyan capture enable | disable | list`: publishes a table's row changes as events, for services that cannot be changed. */
export function addCapture(program: Command, surroundings: Surroundings): void {
  const capture = program
    .command('capture')
    .description("publish the row changes of a legacy service's table")
    .addHelpText('after', EXAMPLES);
  addSwitch(capture, { name: 'enable', on: true }, surroundings);
  addSwitch(capture, { name: 'disable', on: false }, surroundings);
  withTaskOptions(capture.command('list').description('the tables that are captured'))
    .argument('<source>', 'as in `banyan relay status`')
    .addHelpText('after', EXAMPLES)
    .action((source: string, options: TaskOptions) =>
      withRelay({ source, prefer: 'leading' }, { options, surroundings }, list),
    );
}

function addSwitch(
  capture: Command,
  { name, on }: { name: string; on: boolean },
  surroundings: Surroundings,
): void {
  const about = on ? 'publish the row changes of a table from now on' : 'publish them no longer';
  withTaskOptions(capture.command(name).description(about))
    .argument('<source>', 'as in `banyan relay status`')
    .argument('<table>', "the table, with its schema: 'public.invoice'")
    .option('--yes', 'do it; without it the command says what it would do')
    .addHelpText('after', EXAMPLES)
    .action((source: string, table: string, options: TaskOptions) =>
      withRelay({ source, prefer: 'leading' }, { options, surroundings }, (context) =>
        change(context, table, on),
      ),
    );
}

async function list({ give, relay, options, surroundings: { terminal, ended } }: TaskContext): Promise<void> {
  const tables = await give<string[]>({ do: 'captured' });
  if (options.json === true) terminal.out(JSON.stringify({ ok: true, relay, tables }));
  else if (tables.length === 0) terminal.out('no table is captured');
  else for (const table of tables) terminal.out(table);
  ended(EXIT.done);
}

async function change(context: TaskContext, table: string, on: boolean): Promise<void> {
  const { give, options, surroundings } = context;
  const found = await give<CaptureOutcome>({ do: 'capture', table, on, apply: options.yes === true });
  tell(found, on, context);
  if (found.captured === on) return;
  if (await isWanted(options, surroundings.terminal)) {
    tell(await give<CaptureOutcome>({ do: 'capture', table, on, apply: true }), on, context);
  } else if (options.json !== true) surroundings.terminal.out('Nothing was changed. Add --yes to do it.');
}

function tell(found: CaptureOutcome, on: boolean, { relay, options, surroundings }: TaskContext): void {
  const { terminal, ended } = surroundings;
  const isDone = found.captured === on;
  if (options.json === true) terminal.out(JSON.stringify({ ok: true, done: isDone, relay, ...found }));
  else terminal.out(`${found.table}: ${wordsFor(found, on)}`);
  ended(isDone ? EXIT.done : EXIT.notYet);
}

function wordsFor({ captured, changed }: CaptureOutcome, on: boolean): string {
  if (captured !== on)
    return on ? 'would be captured; its writers need no change' : 'would be captured no longer';
  if (changed) return on ? 'captured from now on' : 'no longer captured';
  return on ? 'captured already' : 'was not captured';
}
