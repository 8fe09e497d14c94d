import { streamFaults } from '@banyan/contracts';
import type { StreamInfo } from '@nats-io/jetstream';
import { Findings, type Finding } from './finding.js';

/** A source's stream has this name and listens to these subjects. */
const SOURCE_STREAM = /^EVENTS_[A-Z0-9_]+$/;
const SOURCE_SUBJECT = /^evt\.([a-z][a-z0-9_-]*)\.>$/;

/** The streams of all sources: the settings that the relay builds on, copies, and leaders. */
export function examineStreams(streams: readonly StreamInfo[], isClustered: boolean): Finding[] {
  const findings = new Findings('nats');
  const own = streams.filter(({ config }) => SOURCE_STREAM.test(config.name));
  if (own.length === 0) findings.unchecked('streams of sources', 'there is none: no relay has begun yet');
  for (const stream of own) examineStream(stream, isClustered, findings);
  return findings.all;
}

function examineStream(
  { config, state, cluster }: StreamInfo,
  isClustered: boolean,
  findings: Findings,
): void {
  const source = SOURCE_SUBJECT.exec(config.subjects[0] ?? '')?.[1] ?? sourceOf(config.name);
  const faults = streamFaults(config, source);
  const what = `stream ${config.name}`;
  if (faults.length > 0) {
    findings.fail(
      what,
      faults.join('; '),
      'Correct it with `nats stream edit`; the relay edits nothing by itself.',
    );
  } else if (isClustered && cluster?.leader === undefined) {
    findings.fail(what, 'it has no leader', 'Bring enough servers of the cluster back for a majority.');
  } else if (isClustered && config.num_replicas < 3) {
    const remedy = `nats stream edit ${config.name} --replicas 3`;
    findings.warn(what, `${config.num_replicas} copies in a cluster: one server holds all of it`, remedy);
  } else findings.ok(what, `${state.messages} events, ${config.num_replicas} copies`);
}

function sourceOf(stream: string): string {
  return stream.slice('EVENTS_'.length).toLowerCase();
}
