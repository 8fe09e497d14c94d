import type { NatsConnection } from '@nats-io/nats-core';
import {
  changeFlag,
  FlagStore,
  planFlag,
  type FlagChanged,
  type FlagMove,
  type FlagRecord,
  type FlagValue,
  type WantedFlag,
} from '@banyan/control';
import { EXIT, type ExitCode } from '../exit-code.js';
import { valueText } from '../show-flag.js';
import { isWanted, userName, type Surroundings } from './command-options.js';

export interface SetOptions {
  json?: boolean;
  yes?: boolean;
  share?: number;
  keys?: string;
  others?: string;
  rampBy?: string;
  by?: string;
  reason?: string;
  timeout: number;
}

export interface SetContext {
  options: SetOptions;
  surroundings: Surroundings;
}

interface PlannedFlag {
  flag: string;
  now: FlagRecord | undefined;
  move: FlagMove;
}

/** `true` and `false` are no texts. */
export function readValue(written: string): FlagValue {
  return written === 'true' || written === 'false' ? written === 'true' : written;
}

/** Says what a change of a flag would do, and does it if that was asked for: by --yes, or by a person at the terminal. */
export async function setFlag(
  connection: NatsConnection,
  { flag, value }: { flag: string; value: FlagValue },
  context: SetContext,
): Promise<void> {
  const { options, surroundings } = context;
  const { terminal, ended } = surroundings;
  const now = await (await FlagStore.open(connection)).read(flag);
  const planned = { flag, now, move: planFlag(flag, now, wantedOf(value, options)) };
  if (options.json !== true) terminal.out(describe(planned));
  if (isSame(planned)) {
    tellUnchanged(planned, context);
    return;
  }
  if (!(await isWanted(options, terminal))) {
    tellUndone(planned, context);
    return;
  }
  const { by = userName(surroundings.env), reason: why = 'set', timeout: timeoutMs } = options;
  const change = { flag, move: planned.move, by, why, expected: now?.changeId, timeoutMs };
  ended(tell(planned, await changeFlag(connection, change), context));
}

function wantedOf(value: FlagValue, { share, keys, others, rampBy }: SetOptions): WantedFlag {
  const listed = keys
    ?.split(',')
    .map((key) => key.trim())
    .filter((key) => key !== '');
  return { value, share, keys: listed, rampBy, others: others === undefined ? undefined : readValue(others) };
}

function isSame({ now, move }: PlannedFlag): boolean {
  if (now === undefined) return false;
  const { value, from, share, keys, rampBy } = now;
  return JSON.stringify([value, from, share, keys, rampBy]) === JSON.stringify(listOf(move));
}

const listOf = ({ value, from, share, keys, rampBy }: FlagMove): unknown[] => [
  value,
  from,
  share,
  keys,
  rampBy,
];

function describe({ flag, now, move }: PlannedFlag): string {
  return `${flag}: ${now === undefined ? 'a new flag' : valueText(now)} -> ${valueText(move)}`;
}

function tellUnchanged(
  planned: PlannedFlag,
  { options, surroundings: { terminal, ended } }: SetContext,
): void {
  const plan = planOf(planned);
  if (options.json === true)
    terminal.out(JSON.stringify({ ok: true, done: true, plan, record: planned.now }));
  else terminal.out('It has that value already: nothing was changed.');
  ended(EXIT.done);
}

function tellUndone(planned: PlannedFlag, { options, surroundings: { terminal, ended } }: SetContext): void {
  if (options.json === true) terminal.out(JSON.stringify({ ok: true, done: false, plan: planOf(planned) }));
  else terminal.out('Nothing was changed. Add --yes to do it.');
  ended(EXIT.notYet);
}

function tell(planned: PlannedFlag, changed: FlagChanged, context: SetContext): ExitCode {
  const { terminal } = context.surroundings;
  const { record, inForce, missing } = changed;
  const done = missing.length === 0;
  if (context.options.json === true) {
    terminal.out(JSON.stringify({ ok: true, done, plan: planOf(planned), record, inForce, missing }));
    return done ? EXIT.done : EXIT.notYet;
  }
  const slowest = Math.max(0, ...inForce.map(({ ms }) => ms));
  const known = inForce.length + missing.length;
  terminal.out(
    known === 0
      ? `Change ${record.change} is recorded. No process reports flags; those that start will run it.`
      : `Change ${record.change} is in force in ${inForce.length}/${known} processes (slowest ${slowest} ms).`,
  );
  for (const { process, why } of missing) terminal.err(`not in force in ${process}: ${why}`);
  return done ? EXIT.done : EXIT.notYet;
}

function planOf({ flag, move }: PlannedFlag): object {
  return { flag, ...move, share: move.share ?? 100 };
}
