import type { Command } from 'commander';
import { decodeRelayReport, RELAY_REPORT_SUBJECT, type RelayReport } from '@banyan/contracts';
import { NoRespondersError, RequestError, type NatsConnection } from '@nats-io/nats-core';
import { reach } from '../control-plane.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { ms, table } from '../table.js';
import type { Surroundings } from './command-options.js';

const EXAMPLES = `
Examples:
  banyan relay status
  banyan relay status --json

Exit codes: 0 each source has a leader and none refuses; 1 not so.`;

const HEADER = ['SOURCE', 'PROCESS', 'STATE', 'ACKED', 'PUBLISHED', 'FAILURES', 'UNSENT AT MOST', 'BECAUSE'];

/** How long to wait for answers, in ms. */
const ANSWER_MS = 500;

interface RelayOptions {
  nats?: string;
  json?: boolean;
}

/** `banyan relay status`: what every relay process does. Changes nothing. */
export function addRelay(program: Command, surroundings: Surroundings): void {
  program
    .command('relay')
    .description('the relays that move outboxes into their streams')
    .command('status')
    .description('what each relay process does for each source')
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', EXAMPLES)
    .action(async (options: RelayOptions) => {
      const connection = await reach(findNats({ given: options.nats, ...surroundings }));
      try {
        tell(await collect(connection), options, surroundings);
      } finally {
        await connection.close();
      }
    });
}

function tell(
  reports: readonly RelayReport[],
  options: RelayOptions,
  { terminal, ended }: Surroundings,
): void {
  const ok = isWell(reports);
  if (options.json === true) terminal.out(JSON.stringify({ ok, relays: reports }));
  else for (const line of linesOf(reports)) terminal.out(line);
  ended(ok ? EXIT.done : EXIT.failed);
}

function linesOf(reports: readonly RelayReport[]): string[] {
  if (reports.length === 0) return ['no relay process answers'];
  const rows = reports.flatMap(({ host, pid, sources }) =>
    sources.map((each) => [
      each.source,
      `${host}:${pid}`,
      each.state,
      each.ackedN ?? '-',
      each.published,
      each.failures,
      each.unsentAgeMs === undefined ? '-' : `${ms(each.unsentAgeMs)} ms`,
      each.because ?? '',
    ]),
  );
  return table(
    HEADER,
    rows.sort(([a], [b]) => String(a).localeCompare(String(b))),
  );
}

/** Each source that a process knows is led by one, and none refuses. */
function isWell(reports: readonly RelayReport[]): boolean {
  const all = reports.flatMap(({ sources }) => sources);
  const led = new Set(all.filter(({ state }) => state === 'leading').map(({ source }) => source));
  return all.length > 0 && all.every(({ source, state }) => led.has(source) && state !== 'refusing');
}

async function collect(connection: NatsConnection): Promise<RelayReport[]> {
  const reports: RelayReport[] = [];
  try {
    for await (const answer of await connection.requestMany(RELAY_REPORT_SUBJECT, '', {
      maxWait: ANSWER_MS,
    })) {
      const report = decodeRelayReport(answer.string());
      if (report !== undefined) reports.push(report);
    }
  } catch (error) {
    const nobody =
      error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());
    if (!nobody) throw error;
  }
  return reports;
}
