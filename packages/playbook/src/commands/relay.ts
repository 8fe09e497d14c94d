import type { Command } from 'commander';
import type { RelayAuditReport, RelayReport } from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';
import { reach } from '../control-plane.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { collectRelayReports } from '../relay-client.js';
import { age, ago, ms, table } from '../table.js';
import type { Surroundings } from './command-options.js';
import { addRelayAudit } from './relay-audit.js';
import { addRelayNewEpoch } from './relay-new-epoch.js';
import { addRelayRepair } from './relay-repair.js';

const EXAMPLES = `
Examples:
  banyan relay status
  banyan relay status projects
  banyan relay status --json

Exit codes: 0 each source has a leader and none refuses; 1 not so.`;

const GROUP_EXAMPLES = `
Examples:
  banyan relay status
  banyan relay audit projects
  banyan relay repair projects`;

const HEADER = [
  'SOURCE',
  'PROCESS',
  'STATE',
  'ACKED',
  'PUBLISHED',
  'FAILURES',
  'UNSENT AT MOST',
  'AUDIT',
  'BECAUSE',
];

interface RelayOptions {
  nats?: string;
  json?: boolean;
}

/** `banyan relay status | audit | repair | new-epoch`. */
export function addRelay(program: Command, surroundings: Surroundings): void {
  const relay = program
    .command('relay')
    .description('the relays that move outboxes into their streams')
    .addHelpText('after', GROUP_EXAMPLES);
  addRelayStatus(relay, surroundings);
  for (const add of [addRelayAudit, addRelayRepair, addRelayNewEpoch]) add(relay, surroundings);
}

/** `banyan relay status`: what every relay process does. Changes nothing. */
function addRelayStatus(relay: Command, surroundings: Surroundings): void {
  relay
    .command('status')
    .description('what each relay process does for each source')
    .argument('[source]', 'only of this source')
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', EXAMPLES)
    .action(async (source: string | undefined, options: RelayOptions) => {
      const connection = await reach(findNats({ given: options.nats, ...surroundings }));
      try {
        const all = await collectRelayReports(connection);
        tell(source === undefined ? all : onlyOf(source, all), options, surroundings);
      } finally {
        await connection.close();
      }
    });
}

/** @throws BanyanError BANYAN_RELAY_UNREACHABLE if no relay has that source */
function onlyOf(source: string, reports: readonly RelayReport[]): RelayReport[] {
  const known = [...new Set(reports.flatMap(({ sources }) => sources.map((each) => each.source)))].sort();
  if (known.includes(source)) {
    return reports.map((report) => ({
      ...report,
      sources: report.sources.filter((each) => each.source === source),
    }));
  }
  const there = known.length === 0 ? 'no relay answers at all' : `relays answer for ${known.join(', ')}`;
  throw new BanyanError('BANYAN_RELAY_UNREACHABLE', `no relay of ${source} answers: ${there}`);
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

const unsentFor = (unsentMs: number): string => (unsentMs < 10_000 ? `${ms(unsentMs)} ms` : age(unsentMs));

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
      each.unsentAgeMs === undefined ? '-' : unsentFor(each.unsentAgeMs),
      auditOf(each.audit),
      each.because ?? '',
    ]),
  );
  return table(
    HEADER,
    rows.sort(([a], [b]) => String(a).localeCompare(String(b))),
  );
}

/** What the process's own last audit found. */
function auditOf(audit: RelayAuditReport | undefined): string {
  if (audit === undefined) return '-';
  const found = audit.missing + audit.foreign + audit.brokenLinks;
  const verdict = found === 0 ? 'sound' : `${audit.missing} missing, ${audit.foreign} foreign`;
  return `${verdict}, ${ago(audit.at, Date.now())} ago`;
}

/** Each source that a process knows is led by one, and none refuses. */
function isWell(reports: readonly RelayReport[]): boolean {
  const all = reports.flatMap(({ sources }) => sources);
  const led = new Set(all.filter(({ state }) => state === 'leading').map(({ source }) => source));
  return all.length > 0 && all.every(({ source, state }) => led.has(source) && state !== 'refusing');
}
