import { BanyanError } from '@banyan/runtime';
import { readFlags } from './flags.js';
import { newEpoch, type NewEpoch } from './history/new-epoch.js';

const HELP = `banyan-relay new-epoch: decides that a database's history goes on in its source's stream.

Usage: banyan-relay new-epoch --source <name>=<postgres url> --nats <url> --reason "…" --yes

  --source <name>=<url>   the source, and the database whose history is right;
                          of a source with shards, one of them: projects-1=…
  --nats <url>            NATS server(s), comma-separated (or NATS_URL)
  --reason "…"            why; kept in banyan.epoch
  --by <who>              who decided (default: user@host)
  --yes                   do it; without it the command only says what it would do
  --json                  one JSON object instead of text

Afterwards: start the relay, and rebuild the replicas of this source. See docs/histories.md.
`;

const FLAGS = ['source', 'nats', 'reason', 'by', 'yes', 'json', 'help'];

/** `banyan-relay new-epoch …`. @returns the exit code: 0 done, 2 not told to do it */
export async function runNewEpoch(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const flags = readFlags(bareToYes(args), FLAGS);
  if (flags.has('help')) {
    process.stdout.write(HELP);
    return 0;
  }
  const given = (name: string): string | undefined => flags.get(name)?.at(-1);
  const by = given('by');
  const result = await newEpoch({
    ...sourceIn(required('source', given('source'))),
    natsUrl: required('nats', given('nats') ?? env['NATS_URL']),
    reason: required('reason', given('reason')),
    apply: given('yes') === 'yes',
    ...(by === undefined ? {} : { by }),
  });
  process.stdout.write(flags.has('json') ? `${JSON.stringify(result)}\n` : textOf(result));
  return result.applied ? 0 : 2;
}

/** `--yes` and `--json` may stand alone. */
function bareToYes(args: readonly string[]): string[] {
  return args.map((arg) => (arg === '--yes' || arg === '--json' ? `${arg}=yes` : arg));
}

function required(name: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw new BanyanError('BANYAN_OPTION_INVALID', `new-epoch needs --${name}`, {
    remedy: 'See banyan-relay new-epoch --help.',
  });
}

function sourceIn(text: string): { source: string; databaseUrl: string } {
  const at = text.indexOf('=');
  if (at > 0) return { source: text.slice(0, at), databaseUrl: text.slice(at + 1) };
  throw new BanyanError('BANYAN_OPTION_INVALID', `--source ${text} must be written <name>=<postgres url>`);
}

function textOf(result: NewEpoch): string {
  const { source, epoch, previousEpoch, database, noted, lastN, streamTail, baseN } = result;
  const was =
    noted === undefined ? 'never led' : `system ${noted.systemIdentifier}, timeline ${noted.timeline}`;
  const found = [
    `source ${source}: epoch ${previousEpoch}, last n ${lastN}; the stream ends with ${streamTail ?? 'nothing'}`,
    `database: system ${database.systemIdentifier}, timeline ${database.timeline} (before: ${was})`,
  ];
  const done = result.applied
    ? `epoch ${epoch} has begun after n ${baseN}; ${result.republished ?? 0} retained events are published again. ` +
      'Start the relay, then rebuild the replicas of this source.'
    : `would begin epoch ${epoch} after n ${baseN}, and oblige replicas to be rebuilt. Add --yes to do it.`;
  return `${[...found, done].join('\n')}\n`;
}
