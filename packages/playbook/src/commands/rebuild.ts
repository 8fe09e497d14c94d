import { rebuildSubjectOf, type RebuildReport, type RebuildTask } from '@banyan/contracts';
import { BanyanError, isBanyanError, wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Command } from 'commander';
import { giveTo } from '../ask.js';
import { collectSubscribers, findKeeper } from '../backfill/targets.js';
import { reach } from '../control-plane.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { rebuildLines, rebuildStep } from '../show-rebuild.js';
import { userName, type Surroundings } from './command-options.js';

const EXAMPLES = `
A copy is filled beside the live table, by the source's backfill and by all events that come meanwhile; then both are
compared, row by row. Nothing changes for readers until the swap, which takes milliseconds. The work is the subscriber's: it
goes on when this command ends, and asking again joins it.

Examples:
  banyan rebuild project_replica                    fill, compare, and say what differs
  banyan rebuild project_replica --yes              and put the copy in its place
  banyan rebuild project_replica --yes --drop-old   and drop the old table
  banyan rebuild status | abort project_replica
  banyan rebuild accept-epoch <subscriber>          go over into a source's new history without a rebuild

Exit codes: 0 swapped (or as asked); 1 failed or aborted; 2 not yet: compared, and not swapped.`;

const REPLICA = "the replica's table, or <subscriber>/<table>";
const LOOK_MS = 300;

/** An instance that is being replaced may be away for so long, in ms. */
const ABSENCE_MS = 60_000;

interface RebuildOptions {
  nats?: string;
  json?: boolean;
  yes?: boolean;
  dropOld?: boolean;
}

/** `banyan rebuild <replica>`: builds a replica anew beside the live one, and swaps it in. */
export function addRebuild(program: Command, surroundings: Surroundings): void {
  const rebuild = program
    .command('rebuild')
    .description('build a replica anew beside the live one, compare, and swap')
    .addHelpText('after', EXAMPLES);
  common(rebuild.command('start', { isDefault: true }).description('begin, or join what runs, and follow it'))
    .argument('<replica>', REPLICA)
    .option('--yes', 'swap once it is compared, whatever differs')
    .option('--drop-old', 'with --yes: drop the old table after the swap')
    .addHelpText('after', EXAMPLES)
    .action((replica: string, options: RebuildOptions) => within(replica, { options, surroundings }, start));
  for (const [name, about] of [
    ['status', 'where the last one stands, and what differs'],
    ['abort', 'give it up and drop the copy'],
  ] as const) {
    common(rebuild.command(name).description(about))
      .argument('<replica>', REPLICA)
      .action((replica: string, options: RebuildOptions) =>
        within(replica, { options, surroundings }, async (context) =>
          tell(await give(context, { do: name }), context, name),
        ),
      );
  }
  common(rebuild.command('accept-epoch').description("go over into the sources' newest histories"))
    .argument('<subscriber>')
    .action((subscriber: string, options: RebuildOptions) => acceptEpoch(subscriber, options, surroundings));
}

function common(command: Command): Command {
  return command
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print one JSON object on standard output');
}

interface Context {
  connection: NatsConnection;
  subscriber: string;
  replica: string;
  options: RebuildOptions;
  surroundings: Surroundings;
}

async function within(
  written: string,
  { options, surroundings }: Pick<Context, 'options' | 'surroundings'>,
  work: (context: Context) => Promise<void>,
): Promise<void> {
  const connection = await reach(findNats({ given: options.nats, ...surroundings }));
  try {
    const { subscriber, table } = findKeeper(written, await collectSubscribers(connection));
    await work({ connection, subscriber, replica: table, options, surroundings });
  } finally {
    await connection.close();
  }
}

async function start(context: Context): Promise<void> {
  const { options, surroundings } = context;
  const asked = { swap: options.yes === true, dropOld: options.dropOld === true };
  await give(context, { do: 'start', ...asked });
  const report = await follow(context, asked);
  if (options.json !== true) surroundings.terminal.progress?.('');
  tell(report, context, 'start');
}

/** Until it is as asked for, or aborted. */
async function follow(context: Context, asked: { swap: boolean; dropOld: boolean }): Promise<RebuildReport> {
  let answeredMs = performance.now();
  let shown: string | undefined;
  for (;;) {
    const report = await give(context, { do: 'status' }).catch((error: unknown) => {
      const away = isBanyanError(error, 'BANYAN_REBUILD_UNREACHABLE');
      if (!away || performance.now() - answeredMs > ABSENCE_MS) throw error;
      return undefined;
    });
    if (report !== undefined) {
      answeredMs = performance.now();
      if (isThere(report, asked)) return report;
    }
    shown = show(context, report === undefined ? 'no instance answers' : rebuildStep(report), shown);
    await wait(LOOK_MS);
  }
}

function isThere(
  { state, oldDropped }: RebuildReport,
  { swap, dropOld }: { swap: boolean; dropOld: boolean },
): boolean {
  if (state === 'swapped') return !dropOld || oldDropped;
  return state === 'aborted' || (state === 'ready' && !swap);
}

function show(
  { options, surroundings: { terminal } }: Context,
  line: string,
  shown: string | undefined,
): string {
  if (options.json === true) return line;
  if (terminal.progress !== undefined) terminal.progress(line);
  // Without the figures in it, so that a log is not a line for each look.
  else if (line.replace(/\d+/g, '') !== shown?.replace(/\d+/g, '')) terminal.out(line);
  return line;
}

type TaskPart = { do: 'start' | 'swap'; swap: boolean; dropOld: boolean } | { do: 'status' | 'abort' };

function give(
  { connection, subscriber, replica, surroundings }: Context,
  part: TaskPart,
): Promise<RebuildReport> {
  const task: RebuildTask = { ...part, replica, by: userName(surroundings.env) };
  return giveRebuild<RebuildReport>(connection, subscriber, task);
}

async function giveRebuild<Result>(
  connection: NatsConnection,
  subscriber: string,
  task: RebuildTask,
): Promise<Result> {
  const answer = await giveTo<Result>(connection, rebuildSubjectOf(subscriber), task);
  if (answer !== undefined) return answer;
  const known = [...new Set((await collectSubscribers(connection)).map((each) => each.subscriber))].sort();
  const there = known.length === 0 ? 'no subscriber answers' : `subscribers here: ${known.join(', ')}`;
  throw new BanyanError(
    'BANYAN_REBUILD_UNREACHABLE',
    `no instance of ${subscriber} takes rebuilds; ${there}`,
  );
}

async function acceptEpoch(
  subscriber: string,
  options: RebuildOptions,
  surroundings: Surroundings,
): Promise<void> {
  const connection = await reach(findNats({ given: options.nats, ...surroundings }));
  try {
    const task: RebuildTask = { do: 'accept-epoch', by: userName(surroundings.env) };
    const { accepted } = await giveRebuild<{ accepted: { source: string; epoch: number }[] }>(
      connection,
      subscriber,
      task,
    );
    if (options.json === true) surroundings.terminal.out(JSON.stringify({ ok: true, accepted }));
    else
      for (const { source, epoch } of accepted)
        surroundings.terminal.out(`${subscriber} accepts epoch ${epoch} of ${source}`);
    surroundings.ended(EXIT.done);
  } finally {
    await connection.close();
  }
}

function tell(
  report: RebuildReport,
  { options, surroundings: { terminal, ended } }: Context,
  asked: 'start' | 'status' | 'abort',
): void {
  const code = codeOf(report, asked);
  if (options.json === true) terminal.out(JSON.stringify({ ok: code !== EXIT.failed, rebuild: report }));
  else for (const line of rebuildLines(report)) terminal.out(line);
  ended(code);
}

function codeOf({ state }: RebuildReport, asked: 'start' | 'status' | 'abort'): ExitCode {
  if (state === 'aborted') return asked === 'abort' ? EXIT.done : EXIT.failed;
  return state === 'swapped' ? EXIT.done : EXIT.notYet;
}
