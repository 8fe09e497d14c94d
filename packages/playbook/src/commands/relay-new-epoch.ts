import type { Command } from 'commander';
import { BanyanError, isBanyanError } from '@banyan/runtime';
import { EXIT } from '../exit-code.js';
import { isWanted, userName, type Surroundings } from './command-options.js';
import { withRelay, withTaskOptions, type TaskContext, type TaskOptions } from './relay-task.js';

const EXAMPLES = `
For a relay that refuses with BANYAN_OTHER_HISTORY, once you know that its database is the one that is right. Afterwards
rebuild the replicas of the source; docs/histories.md tells what it does. If no relay of the source runs, use
\`banyan-relay new-epoch\` where its database is reached.

Examples:
  banyan relay new-epoch projects --reason "restored from the backup of 02:00"
  banyan relay new-epoch projects --reason "restored from the backup of 02:00" --yes

Exit codes: 0 the epoch has begun; 1 failed; 2 not told to do it.`;

interface NewEpochOptions extends TaskOptions {
  reason?: string;
  by?: string;
}

/** What the relay found, and did or would do. */
interface NewEpoch {
  source: string;
  applied: boolean;
  epoch: number;
  previousEpoch: number;
  database: { systemIdentifier: string; timeline: number };
  lastN: number;
  streamTail?: string;
  baseN: number;
  republished?: number;
}

/** `banyan relay new-epoch <source>`: decides that this database's history goes on in the stream. */
export function addRelayNewEpoch(relay: Command, surroundings: Surroundings): void {
  const command = relay
    .command('new-epoch')
    .description("decide that a database's history goes on in its source's stream");
  withTaskOptions(command)
    .argument('<source>', 'as in `banyan relay status`')
    .option('--reason <text>', 'why; it is kept in the database')
    .option('--by <name>', 'who decided; default: your user name')
    .option('--yes', 'do it; without it the command says what it would do')
    .addHelpText('after', EXAMPLES)
    .action((source: string, options: NewEpochOptions) => run(source, options, surroundings));
}

async function run(source: string, options: NewEpochOptions, surroundings: Surroundings): Promise<void> {
  const { reason } = options;
  if (reason === undefined || reason.trim() === '') {
    throw new BanyanError('BANYAN_OPTION_INVALID', 'new-epoch needs --reason "…", which is kept for good');
  }
  const by = options.by ?? userName(surroundings.env);
  try {
    await withRelay({ source, prefer: 'refusing' }, { options, surroundings }, (context) =>
      decide(context, { reason, by }),
    );
  } catch (error) {
    if (!isBanyanError(error, 'BANYAN_RELAY_UNREACHABLE')) throw error;
    const remedy = 'Start a relay of it, or run `banyan-relay new-epoch` where its database is reached.';
    throw new BanyanError(error.code, error.rawMessage, { cause: error, remedy });
  }
}

async function decide(context: TaskContext, why: { reason: string; by: string }): Promise<void> {
  const { give, options, surroundings } = context;
  const found = await give<NewEpoch>({ do: 'new-epoch', apply: options.yes === true, ...why });
  tell(found, context);
  if (found.applied) return;
  if (await isWanted(options, surroundings.terminal)) {
    tell(await give<NewEpoch>({ do: 'new-epoch', apply: true, ...why }), context);
  } else if (options.json !== true) surroundings.terminal.out('Nothing was changed. Add --yes to do it.');
}

function tell(found: NewEpoch, { relay, options, surroundings: { terminal, ended } }: TaskContext): void {
  if (options.json === true) terminal.out(JSON.stringify({ ok: true, relay, ...found }));
  else for (const line of linesOf(found, relay.relay)) terminal.out(line);
  ended(found.applied ? EXIT.done : EXIT.notYet);
}

function linesOf(found: NewEpoch, relay: string): string[] {
  const { source, epoch, previousEpoch, database, lastN, streamTail, baseN } = found;
  return [
    `${source}: epoch ${previousEpoch}, last n ${lastN}; the stream ends with ${streamTail ?? 'nothing'}`,
    `  database   system ${database.systemIdentifier}, timeline ${database.timeline}, by way of ${relay}`,
    found.applied
      ? `  epoch ${epoch} has begun after n ${baseN}; ${found.republished ?? 0} retained events are published again. ` +
        'The relays go on by themselves within 5 s; rebuild the replicas of this source.'
      : `  would begin epoch ${epoch} after n ${baseN}; replicas would have to be rebuilt`,
  ];
}
