/** Names in NATS that every part agrees on. A source's name is one subject token of lower-case letters, digits, - and _. */

/** `EVENTS_PROJECTS` for the source `projects`. */
export function streamOf(source: string): string {
  return `EVENTS_${source.toUpperCase().replaceAll('-', '_')}`;
}

/** All events of a source: what its stream listens to. */
export function subjectsOf(source: string): string {
  return `evt.${source}.>`;
}

/** `evt.<source>.<aggregate>.<EventType>.<pp>`, the partition in two digits. */
export function subjectOf(
  source: string,
  event: { aggregate: string; type: string; partition: number },
): string {
  return `evt.${source}.${event.aggregate}.${event.type}.${twoDigits(event.partition)}`;
}

/** Every event of one partition of a source, whatever its type. */
export function partitionSubjectOf(source: string, partition: number): string {
  return `evt.${source}.*.*.${twoDigits(partition)}`;
}

/** Core NATS subject of the relay's heartbeats for a source. Not stored. */
export function heartbeatSubjectOf(source: string): string {
  return `banyan.heartbeat.${source}`;
}

/** Core NATS subject on which the relays of a source answer for ranges of its events. */
export function rangeSubjectOf(source: string): string {
  return `banyan.range.${source}`;
}

function twoDigits(partition: number): string {
  return partition < 10 ? `0${partition}` : String(partition);
}
