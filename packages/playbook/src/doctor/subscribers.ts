import type { Heartbeat, SubscribedSource, SubscriberReport } from '@banyan/contracts';
import { Findings, type Finding } from './finding.js';

/** More events than this behind the relay is worth a word. */
const MANY_EVENTS = 1_000;

/** Subscribers: each runs somewhere, in the sources' present epoch, and not far behind. */
export function examineSubscribers(
  reports: readonly SubscriberReport[],
  heartbeats: ReadonlyMap<string, Heartbeat>,
): Finding[] {
  const findings = new Findings('subscribers');
  if (reports.length === 0) findings.unchecked('subscribers', 'none answers');
  for (const name of [...new Set(reports.map(({ subscriber }) => subscriber))].sort()) {
    const own = reports.filter(({ subscriber }) => subscriber === name);
    examineSubscriber(name, own, findings);
    for (const source of own[0]?.sources ?? []) {
      examineReading({ name, source, heartbeat: heartbeats.get(source.source) }, findings);
    }
  }
  return findings.all;
}

function examineSubscriber(name: string, own: readonly SubscriberReport[], findings: Findings): void {
  const states = own.map(({ host, pid, state }) => `${host}:${pid} ${state}`).join(', ');
  const isHalted = own.some(({ state }) => state === 'halted');
  const isRunning = own.some(({ state }) => state === 'running');
  if (isHalted) {
    const remedy =
      'Its log says why; `banyan rebuild` ends a halt after another history (docs/histories.md).';
    findings.fail(`subscriber ${name}`, states, remedy);
  } else if (isRunning) findings.ok(`subscriber ${name}`, states);
  else
    findings.warn(
      `subscriber ${name}`,
      states,
      'Wait if it is starting; else see its log: it retries by itself.',
    );
}

interface Reading {
  name: string;
  source: SubscribedSource;
  heartbeat: Heartbeat | undefined;
}

function examineReading(
  { name, source: { source, positions }, heartbeat }: Reading,
  findings: Findings,
): void {
  const what = `${name} reads ${source}`;
  if (heartbeat === undefined || positions.length === 0) {
    findings.unchecked(
      what,
      heartbeat === undefined ? 'no heartbeat of the source was heard' : 'no position yet',
    );
    return;
  }
  const epoch = Math.max(...positions.map((position) => position.epoch));
  if (epoch > 0 && epoch < heartbeat.epoch) {
    const found = `epoch ${epoch}, the source is in ${heartbeat.epoch}`;
    findings.fail(
      what,
      found,
      `Run \`banyan rebuild\` of its replicas, or \`banyan rebuild accept-epoch ${name}\`.`,
    );
    return;
  }
  const behind = heartbeat.heads.filter((head, partition) => head > (positions[partition]?.n ?? 0)).length;
  const applied = Math.max(...positions.map(({ n }) => n));
  const events = behind === 0 ? 0 : Math.max(1, heartbeat.n - applied);
  if (events <= MANY_EVENTS)
    findings.ok(what, behind === 0 ? 'up to date' : `${behind} partitions behind for now`);
  else {
    const remedy = 'More instances share the partitions; see `banyan parked list`, and its database.';
    findings.warn(what, `about ${events} events behind, in ${behind} partitions`, remedy);
  }
}
