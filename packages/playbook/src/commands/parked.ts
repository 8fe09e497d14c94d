import type { Command } from 'commander';
import { BanyanError } from '@banyan/runtime';
import { EXIT } from '../exit-code.js';
import type { KeyFilter, ParkedKey } from '../parked-keys.js';
import { ParkedPlaces, type ParkedPlace } from '../parked-places.js';
import { ago, table } from '../table.js';
import { userName, type Surroundings } from './command-options.js';

const HEADER = ['SUBSCRIBER', 'KEY', 'STATE', 'EVENTS', 'ATTEMPTS', 'SINCE', 'FIRST', 'LAST ERROR'];

const KEY_ARGUMENT = 'key as the list shows it: source/aggregate/id, for example projects/project/p1';

const EXAMPLES = `
Examples:
  banyan parked list --database-url postgres://localhost/tasks
  banyan parked show projects/project/p1
  banyan parked retry projects/project/p1
  banyan parked retry --all
  banyan parked skip projects/project/p1 --reason "created by a defect, PROJ-17"
  banyan parked forget projects/project/p1 --reason "corrected by hand"

Exit codes: 0 done; 1 failed, or there is no such key.`;

interface ParkedOptions {
  databaseUrl?: string;
  subscriber?: string;
  source?: string;
  json?: boolean;
}

/** `banyan parked`: the keys that subscribers have set aside, because an event of theirs fails. */
export function addParked(program: Command, surroundings: Surroundings): void {
  const parked = program
    .command('parked')
    .description('keys whose events fail, and what waits behind them')
    .addHelpText('after', EXAMPLES);
  withOptions(parked.command('list'))
    .description('all keys that are set aside; changes nothing')
    .action((options: ParkedOptions) => list(options, surroundings));
  withOptions(parked.command('show'))
    .description('one key with its events; changes nothing')
    .argument('<key>', KEY_ARGUMENT)
    .action((key: string, options: ParkedOptions) => show(key, options, surroundings));
  withOptions(parked.command('retry'))
    .description('asks the running subscriber to try a key again now')
    .argument('[key]', KEY_ARGUMENT)
    .option('--all', 'every key that is listed')
    .action((key: string | undefined, options: ParkedOptions & { all?: boolean }) =>
      retry(key, options, surroundings),
    );
  withOptions(parked.command('skip'))
    .description('gives up the first event of a key; what is left is tried at once')
    .argument('<key>', KEY_ARGUMENT)
    .requiredOption('--reason <text>', 'why; it is kept with the event')
    .option('--all', 'all events that wait, not only the first')
    .action((key: string, options: ParkedOptions & { all?: boolean; reason: string }) =>
      skip(key, options, surroundings),
    );
  withOptions(parked.command('forget'))
    .description(
      'says that a key is right again in spite of what was skipped: it counts as fresh from then on',
    )
    .argument('<key>', KEY_ARGUMENT)
    .requiredOption('--reason <text>', 'why; it is kept with the skipped events')
    .action((key: string, options: ParkedOptions & { reason: string }) => forget(key, options, surroundings));
}

function withOptions(command: Command): Command {
  return command
    .option(
      '--database-url <url>',
      'the database that the subscriber writes to; else DATABASE_URL, else .banyan/dev.json',
    )
    .option('--subscriber <name>', 'only of this subscriber')
    .option('--source <name>', 'only of this source')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', EXAMPLES);
}

async function list(options: ParkedOptions, surroundings: Surroundings): Promise<void> {
  await within(options, surroundings, async (places) => {
    const found = (await places.list(filterOf(undefined, options))).map(({ key }) => key);
    const subscribers = await places.subscribers();
    const lines = found.length === 0 ? [nothingParked(subscribers)] : linesOf(found);
    return { json: { subscribers, keys: found }, lines };
  });
}

/** An empty list may also mean that one has asked the wrong database. */
function nothingParked(subscribers: readonly string[]): string {
  return subscribers.length === 0
    ? 'nothing is parked: no subscriber keeps its positions in this database'
    : `nothing is parked (subscribers here: ${subscribers.join(', ')})`;
}

async function show(written: string, options: ParkedOptions, surroundings: Surroundings): Promise<void> {
  await within(options, surroundings, async (places) => {
    const { keys, key: found } = await theOne(places, written, options);
    const events = await keys.events(found);
    const rows = events.map((each) => [
      each.position,
      each.type,
      each.version ?? '-',
      each.emittedAt.toISOString(),
      each.payloadBytes,
    ]);
    const lines = [
      ...linesOf([found]),
      '',
      ...table(['POSITION', 'TYPE', 'VERSION', 'EMITTED', 'BYTES'], rows),
    ];
    return { json: { key: found, events }, lines };
  });
}

async function retry(
  written: string | undefined,
  options: ParkedOptions & { all?: boolean },
  surroundings: Surroundings,
): Promise<void> {
  await within(options, surroundings, async (places) => {
    if ((written === undefined) === (options.all !== true))
      throw new BanyanError('BANYAN_OPTION_INVALID', 'retry takes a key or --all', {
        remedy: 'Give one of the two.',
      });
    const found =
      written === undefined
        ? await places.list(filterOf(undefined, options))
        : [await theOne(places, written, options)];
    const asked: string[] = [];
    for (const { keys, key } of found) if (await keys.retry(key)) asked.push(keyOf(key));
    const words = asked.length === 1 ? '1 key is tried again' : `${asked.length} keys are tried again`;
    return { json: { retried: asked }, lines: [`${words} by the running subscriber`] };
  });
}

async function skip(
  written: string,
  options: ParkedOptions & { all?: boolean; reason: string },
  surroundings: Surroundings,
): Promise<void> {
  await within(options, surroundings, async (places) => {
    const { keys, key: found } = await theOne(places, written, options);
    const by = userName(surroundings.env);
    const skipped = await keys.skip(found, { all: options.all === true, reason: options.reason, by });
    const lines = [
      `skipped ${skipped} of ${found.events} events of ${keyOf(found)}; kept in banyan.skipped_event`,
    ];
    return { json: { key: keyOf(found), skipped, by, reason: options.reason }, lines };
  });
}

async function forget(
  written: string,
  options: ParkedOptions & { reason: string },
  surroundings: Surroundings,
): Promise<void> {
  await within(options, surroundings, async (places) => {
    const { keys, key } = await theOne(places, written, options);
    const by = userName(surroundings.env);
    const forgotten = await keys.forget(key, { reason: options.reason, by });
    if (forgotten === 0)
      throw new BanyanError('BANYAN_PARKED_UNKNOWN', `nothing of ${keyOf(key)} was skipped`);
    const lines = [`${keyOf(key)} counts as right again; the skipped events stay in banyan.skipped_event`];
    return { json: { key: keyOf(key), forgotten, by, reason: options.reason }, lines };
  });
}

/** What a command has to say, for programs and for people. */
interface Told {
  json: Record<string, unknown>;
  lines: string[];
}

async function within(
  options: ParkedOptions,
  { env, folder, terminal, ended }: Surroundings,
  work: (places: ParkedPlaces) => Promise<Told>,
): Promise<void> {
  const places = await ParkedPlaces.open({ given: options.databaseUrl, env, folder });
  try {
    const { json, lines } = await work(places);
    if (options.json === true) terminal.out(JSON.stringify({ ok: true, ...json }));
    else for (const line of lines) terminal.out(line);
    ended(EXIT.done);
  } finally {
    await places.close();
  }
}

/** The one key that is meant. @throws BanyanError BANYAN_PARKED_UNKNOWN for none, or several subscribers' */
async function theOne(places: ParkedPlaces, written: string, options: ParkedOptions): Promise<ParkedPlace> {
  const found = await places.list(filterOf(written, options));
  const [one] = found;
  if (one !== undefined && found.length === 1) return one;
  const subscribers = found.map(({ key }) => key.subscriber).join(', ');
  const what =
    one === undefined
      ? `${written} is not parked`
      : `${written} is parked by ${subscribers}: give --subscriber`;
  throw new BanyanError('BANYAN_PARKED_UNKNOWN', what);
}

function filterOf(key: string | undefined, { subscriber, source }: ParkedOptions): KeyFilter {
  if (key === undefined) return { subscriber, source };
  const [, from, aggregate, aggregateId] = /^([^/]+)\/([^/]+)\/(.+)$/s.exec(key) ?? [];
  if (aggregate === undefined || aggregateId === undefined)
    throw new BanyanError('BANYAN_PARKED_UNKNOWN', `${key} is no key: it must be source/aggregate/id`);
  return { subscriber, source: from, aggregate, aggregateId };
}

const keyOf = ({ source, aggregate, aggregateId }: ParkedKey): string =>
  `${source}/${aggregate}/${aggregateId}`;

function linesOf(keys: readonly ParkedKey[]): string[] {
  const rows = keys.map((key) => [
    key.subscriber,
    keyOf(key),
    key.state,
    key.events,
    key.attempts,
    ago(key.since.toISOString(), Date.now()),
    key.position === null ? '-' : `${key.position} ${key.type ?? ''}`,
    (key.lastError ?? '').split('\n')[0] ?? '',
  ]);
  return table(HEADER, rows);
}
