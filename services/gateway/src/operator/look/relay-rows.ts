import type { Heartbeat, RelayAuditReport, RelayReport } from '@banyan/contracts';
import type { RelayRow, StreamAudit } from '../wire.js';
import type { Rates } from './rates.js';

/** What was heard of the sources' own voices, by source. */
export type Heartbeats = ReadonlyMap<string, Heartbeat>;

interface RelayContext {
  heartbeats: Heartbeats;
  rates: Rates;
  nowMs: number;
}

/** Each relay process at each of its sources, by source. */
export function relayRows(reports: readonly RelayReport[], context: RelayContext): RelayRow[] {
  const rows = reports.flatMap((report) => report.sources.map((each) => rowOf(report, each, context)));
  return rows.sort((a, b) => a.source.localeCompare(b.source) || a.instance.localeCompare(b.instance));
}

function rowOf(
  { host, pid }: RelayReport,
  { source, state, because, ackedN, backlog, unsentAgeMs, audit }: RelayReport['sources'][number],
  { heartbeats, rates, nowMs }: RelayContext,
): RelayRow {
  const instance = `${host}:${pid}`;
  const epoch = heartbeats.get(source)?.epoch;
  return {
    ...{ source, state, instance, pid, backlog: backlog ?? null, lagMs: unsentAgeMs ?? null },
    rate: ackedN === undefined ? null : rates.note(`relay ${source} ${instance}`, ackedN, nowMs),
    position: ackedN === undefined || epoch === undefined ? null : `${epoch}.${ackedN}`,
    audit: audit === undefined ? null : auditOf(audit),
    ...(because === undefined ? {} : { because }),
  };
}

function auditOf({ at, fromN, toN, missing, foreign, brokenLinks }: RelayAuditReport): StreamAudit {
  const found = [
    [missing, 'positions are missing in the stream'],
    [foreign, 'messages are not of this history'],
    [brokenLinks, 'links between messages are broken'],
  ] as const;
  const findings = found.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const where = findings.length === 0 ? [] : [`looked from position ${fromN} to ${toN}`];
  return { ok: findings.length === 0, at, findings: [...findings, ...where] };
}
