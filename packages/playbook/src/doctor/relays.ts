import type { Heartbeat, RelayReport } from '@banyan/contracts';
import { Findings, type Finding } from './finding.js';

/** Older than this, in ms, and outside the stream: the relay does not keep up. */
const UNSENT_MS = 10_000;

/** Relays: each source is led by one that keeps up, has a stand-by, and refuses nothing. */
export function examineRelays(
  reports: readonly RelayReport[],
  heartbeats: ReadonlyMap<string, Heartbeat>,
): Finding[] {
  const findings = new Findings('relays');
  const all = reports.flatMap(({ sources, host, pid }) =>
    sources.map((each) => ({ ...each, process: `${host}:${pid}` })),
  );
  const names = [...new Set([...all.map(({ source }) => source), ...heartbeats.keys()])].sort();
  if (names.length === 0) {
    const remedy = 'Start one: banyan-relay --nats … --source <name>=postgres://… (docs/relay.md).';
    findings.fail('relays', 'none answers', remedy);
  }
  for (const source of names) {
    const own = all.filter((each) => each.source === source);
    examineSource({ source, own, isHeard: heartbeats.has(source) }, findings);
  }
  return findings.all;
}

interface SourceSeen {
  source: string;
  own: readonly (RelayReport['sources'][number] & { process: string })[];
  isHeard: boolean;
}

function examineSource({ source, own, isHeard }: SourceSeen, findings: Findings): void {
  const what = `relay of ${source}`;
  const refusing = own.find(({ state }) => state === 'refusing');
  const leader = own.find(({ state }) => state === 'leading');
  if (refusing !== undefined) {
    const why = refusing.because ?? 'it does not say why';
    findings.fail(
      what,
      `${refusing.process} refuses: ${why}`,
      'Do what the message says; docs/relay.md lists the reasons.',
    );
  } else if (leader === undefined) {
    const states = own.map(
      ({ process, state, because }) => `${process} ${state}${because === undefined ? '' : `: ${because}`}`,
    );
    const remedy = isHeard
      ? 'Heartbeats are heard: let this user ask banyan.relay.report (NATS permissions).'
      : 'Start a relay of it, or see the log of the one that is down.';
    findings.fail(what, states.length === 0 ? 'no process answers' : states.join('; '), remedy);
  } else examineLeader(leader, own.length, { what, isHeard, findings });
}

function examineLeader(
  leader: SourceSeen['own'][number],
  processes: number,
  { what, isHeard, findings }: { what: string; isHeard: boolean; findings: Findings },
): void {
  const { process, ackedN, unsentAgeMs, audit } = leader;
  if (!isHeard) {
    const remedy =
      'Let it publish, and this user hear, banyan.heartbeat.> (NATS permissions): replicas count as stale without.';
    findings.fail(what, `${process} leads, but no heartbeat is heard`, remedy);
  } else if (unsentAgeMs !== undefined && unsentAgeMs > UNSENT_MS) {
    const remedy = 'See its log and `banyan relay status`; the broker or the database is slow.';
    findings.warn(what, `${process} leads, ${Math.round(unsentAgeMs / 1_000)} s behind`, remedy);
  } else findings.ok(what, `${process} leads, position ${ackedN ?? 0}`);
  if (audit !== undefined && audit.missing + audit.foreign + audit.brokenLinks > 0) {
    const found = `${audit.missing} missing, ${audit.foreign} foreign, ${audit.brokenLinks} broken links`;
    findings.fail(`${what}: audit`, found, 'Run `banyan relay audit`, then see docs/histories.md.');
  }
  if (processes < 2)
    findings.warn(
      `${what}: stand-by`,
      'there is none',
      'Start a second relay process: it takes over within 5 s.',
    );
}
