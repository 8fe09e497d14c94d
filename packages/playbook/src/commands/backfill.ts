import type { BackfillReport } from '@banyan/contracts';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Command } from 'commander';
import { giveBackfill, type TaskOf } from '../backfill/backfill-client.js';
import { progressLine } from '../backfill/progress.js';
import { collectSubscribers, findTargets, type Targets } from '../backfill/targets.js';
import { follow, untilApplied } from '../backfill/watch.js';
import { reach } from '../control-plane.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { userName, wholeNumber, type Surroundings } from './command-options.js';

const EXAMPLES = `
The source's own processes read the rows and publish a snapshot of each through their outbox, while everybody goes on
writing. The work is theirs: it goes on when this command ends.

Examples:
  banyan backfill project_replica                  of the aggregates that this replica is kept of
  banyan backfill projects/project --rate 500      of one aggregate of one source, at most 500 rows a second
  banyan backfill project_replica --wait           until the subscribers that keep it have applied all
  banyan backfill status project_replica
  banyan backfill pause | resume | cancel project_replica

Exit codes: 0 done (or as asked); 1 failed or cancelled; 2 not yet: it was left running, or is paused.`;

const REPLICA = "the replica's table, <subscriber>/<table>, or <source>/<aggregate>";

interface BackfillOptions {
  nats?: string;
  json?: boolean;
  rate?: number;
  wait?: boolean;
  detach?: boolean;
}

/** `banyan backfill <replica>`: sends all rows of a source again, and `status`, `pause`, `resume`, `cancel`. */
export function addBackfill(program: Command, surroundings: Surroundings): void {
  const backfill = program
    .command('backfill')
    .description('have a source publish its rows as they are')
    .addHelpText('after', EXAMPLES);
  common(
    backfill
      .command('start', { isDefault: true })
      .description('begin, or join what runs, and show how far it is'),
  )
    .option('--rate <rows>', 'most rows a second; else as the source says', wholeNumber)
    .option('--wait', 'until the subscribers have applied it')
    .option('--detach', 'only begin')
    .addHelpText('after', EXAMPLES)
    .action((replica: string, options: BackfillOptions) => within(replica, { options, surroundings }, start));
  for (const [name, about] of TASKS) {
    common(backfill.command(name).description(about)).action((replica: string, options: BackfillOptions) =>
      within(replica, { options, surroundings }, (context) => once(name, context)),
    );
  }
}

const TASKS = [
  ['status', 'where the last one stands'],
  ['pause', 'stop for now'],
  ['resume', 'go on after a pause or a failure'],
  ['cancel', 'stop for good'],
] as const;

function common(command: Command): Command {
  return command
    .argument('<replica>', REPLICA)
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print one JSON object on standard output');
}

interface Context {
  connection: NatsConnection;
  found: Targets;
  options: BackfillOptions;
  surroundings: Surroundings;
  by: string;
}

async function within(
  replica: string,
  { options, surroundings }: Pick<Context, 'options' | 'surroundings'>,
  work: (context: Context) => Promise<void>,
): Promise<void> {
  const connection = await reach(findNats({ given: options.nats, ...surroundings }));
  try {
    const found = findTargets(replica, await collectSubscribers(connection));
    await work({ connection, found, options, surroundings, by: userName(surroundings.env) });
  } finally {
    await connection.close();
  }
}

/** The aggregates of a replica one after the other: together they would only take turns. */
async function start(context: Context): Promise<void> {
  const { connection, found, options, surroundings, by } = context;
  const watching = { terminal: surroundings.terminal, quiet: options.json === true, by };
  const task: TaskOf = {
    do: 'start',
    by,
    ...(options.rate === undefined ? {} : { rowsPerSecond: options.rate }),
  };
  const reports: BackfillReport[] = [];
  for (const target of found.targets) {
    const begun = await giveBackfill(connection, target, task);
    const ended = options.detach === true ? begun : await follow(connection, target, watching);
    reports.push(ended);
    if (options.wait === true && ended.state === 'done')
      await untilApplied(connection, target, { ...watching, subscribers: found.subscribers });
  }
  const code = options.detach === true ? EXIT.done : codeOf(reports);
  tell(reports, context, { code, said: options.detach !== true });
}

async function once(what: 'status' | 'pause' | 'resume' | 'cancel', context: Context): Promise<void> {
  const { connection, found, by } = context;
  const reports: BackfillReport[] = [];
  for (const target of found.targets) reports.push(await giveBackfill(connection, target, { do: what, by }));
  tell(reports, context, { code: what === 'status' ? codeOf(reports) : EXIT.done, said: false });
}

function tell(
  reports: readonly BackfillReport[],
  { options, surroundings: { terminal, ended } }: Context,
  { code, said }: { code: ExitCode; said: boolean },
): void {
  if (options.json === true) terminal.out(JSON.stringify({ ok: code !== EXIT.failed, backfills: reports }));
  else if (!said) for (const report of reports) terminal.out(progressLine(report, undefined));
  ended(code);
}

function codeOf(reports: readonly BackfillReport[]): ExitCode {
  if (reports.some(({ state }) => state === 'failed' || state === 'cancelled')) return EXIT.failed;
  return reports.every(({ state }) => state === 'done') ? EXIT.done : EXIT.notYet;
}
