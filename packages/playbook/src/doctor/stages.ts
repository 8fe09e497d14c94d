import { STAGE_BUCKET } from '@banyan/control';
import type { StreamInfo } from '@nats-io/jetstream';
import { Findings, type Finding } from './finding.js';

const STREAM = `KV_${STAGE_BUCKET}`;

/** The bucket of stages. */
export function examineStages(streams: readonly StreamInfo[], isClustered: boolean): Finding[] {
  const findings = new Findings('stages');
  const bucket = streams.find(({ config }) => config.name === STREAM);
  const what = `bucket ${STAGE_BUCKET}`;
  if (bucket === undefined) {
    findings.unchecked(what, 'there is none: no stage was ever set; the first command makes it');
    return findings.all;
  }
  const { num_replicas: copies, max_msgs_per_subject: kept } = bucket.config;
  if (isClustered && copies < 3) {
    const remedy = `nats stream edit ${STREAM} --replicas 3`;
    findings.warn(what, `${copies} copies in a cluster: one server holds every stage`, remedy);
  } else findings.ok(what, `${bucket.state.messages} changes, ${copies} copies`);
  if (kept < 64)
    findings.warn(`${what}: history`, `${kept} changes an edge`, `nats kv edit ${STAGE_BUCKET} --history 64`);
  return findings.all;
}
