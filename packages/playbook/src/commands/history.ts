import { Argument, Option, type Command } from 'commander';
import { AUDIT_KINDS, parseEdge, readTrail, type AuditKind, type TrailEntry } from '@banyan/control';
import { isBanyanError } from '@banyan/runtime';
import { reach } from '../control-plane.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { durationMs } from '../plan/duration.js';
import { historyLines } from '../show-history.js';
import { EDGE_ARGUMENT, wholeNumber, type Surroundings } from './command-options.js';

const EXAMPLES = `
Examples:
  banyan history                                         the last 50 things that anybody did
  banyan history "tasks -> projects.GetProject"
  banyan history tasks:projects.GetProject --since 7d
  banyan history --kind flag --since 2026-01-31 --limit 500 --json

It reads the audit stream, from which nobody can delete. Entries are written before what they tell of: those of which nothing
came are marked. Changes nothing.`;

const DEFAULT_LIMIT = 50;

interface HistoryOptions {
  nats?: string;
  json?: boolean;
  kind?: AuditKind;
  since?: number;
  limit: number;
}

/** `banyan history [edge]`: who did what, when and why. */
export function addHistory(program: Command, surroundings: Surroundings): void {
  program
    .command('history')
    .description('who changed which edge or flag, when, why, and on what evidence')
    .addArgument(new Argument('[edge...]', `${EDGE_ARGUMENT}; a flag or another name as it is written`))
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print one JSON object on standard output')
    .addOption(new Option('--kind <kind>', 'only of these').choices(AUDIT_KINDS))
    .option('--since <time>', 'only later: 30m, 12h, 7d, or a date', sinceMs)
    .option('--limit <n>', 'the latest so many', wholeNumber, DEFAULT_LIMIT)
    .addHelpText('after', EXAMPLES)
    .action(async (words: string[], options: HistoryOptions) => {
      const { kind, since, limit } = options;
      const about = words.length === 0 ? undefined : nameOf(words.join(' '));
      const connection = await reach(findNats({ given: options.nats, ...surroundings }));
      try {
        const entries = await readTrail(connection, { kind, about, sinceMs: since, limit });
        tell(entries, options, surroundings);
      } finally {
        await connection.close();
      }
    });
}

function tell(entries: readonly TrailEntry[], options: HistoryOptions, surroundings: Surroundings): void {
  const { terminal, ended } = surroundings;
  if (options.json === true) terminal.out(JSON.stringify({ ok: true, entries }));
  else for (const line of historyLines(entries)) terminal.out(line);
  ended(EXIT.done);
}

/** Of an edge as it is known everywhere; of anything else as it was written. */
function nameOf(written: string): string {
  try {
    return parseEdge(written).text;
  } catch (error) {
    if (isBanyanError(error, 'BANYAN_EDGE_INVALID')) return written;
    throw error;
  }
}

function sinceMs(written: string): number {
  const date = /^\d{4}-/.test(written) ? Date.parse(written) : NaN;
  return Number.isNaN(date) ? Date.now() - durationMs(written) : date;
}
