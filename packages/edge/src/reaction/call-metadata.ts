import { Metadata } from '@grpc/grpc-js';
import { isStageOf, type ReactionStage } from '@banyan/control';

/** What a reaction's call says of the event that it stands for. */
export interface ReactionCall {
  /** Key of the edge: `projects.tasks.ArchiveProjectTasks`. */
  edge: string;
  eventId: string;
  /** The stage that the caller read, and the change that it came with. */
  stage: ReactionStage;
  change: number;
  source: string;
  /** `aggregate/id`, e.g. `project/p1`. */
  key: string;
  /** The aggregate's version after the event. */
  version: number;
  /** When the event was emitted, by the clock of the caller's database; ms since 1970. */
  emittedAtMs: number;
}

const HEADERS = {
  edge: 'banyan-edge',
  eventId: 'banyan-event-id',
  stage: 'banyan-stage',
  change: 'banyan-change',
  source: 'banyan-event-source',
  key: 'banyan-event-key',
  version: 'banyan-event-version',
  emittedAtMs: 'banyan-event-time',
} as const satisfies Record<keyof ReactionCall, string>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Metadata that carries it. Ids may hold any characters, metadata only some: keys are percent-encoded. */
export function metadataOf(call: ReactionCall): Metadata {
  const metadata = new Metadata();
  for (const name of Object.keys(HEADERS) as (keyof ReactionCall)[]) {
    metadata.set(HEADERS[name], encodeURIComponent(call[name]));
  }
  return metadata;
}

/** What a call says; undefined if it brings no event id, or not all of what belongs to it. */
export function readCall(metadata: Metadata): ReactionCall | undefined {
  const read = (name: keyof ReactionCall): string => textOf(metadata, HEADERS[name]);
  const [eventId, stage] = [read('eventId'), read('stage')];
  const [change, version, emittedAtMs] = [
    Number(read('change')),
    Number(read('version')),
    Number(read('emittedAtMs')),
  ];
  if (!UUID.test(eventId) || !isStageOf('reaction', stage)) return undefined;
  if (![change, version, emittedAtMs].every(Number.isFinite) || emittedAtMs <= 0) return undefined;
  return {
    edge: read('edge'),
    eventId,
    stage,
    change,
    source: read('source'),
    key: read('key'),
    version,
    emittedAtMs,
  };
}

/** Key of the edge that a call says it is made on; empty if it does not. */
export function edgeKeyOf(metadata: Metadata): string {
  return textOf(metadata, HEADERS.edge);
}

function textOf(metadata: Metadata, name: string): string {
  const [value] = metadata.get(name);
  if (typeof value !== 'string') return '';
  try {
    return decodeURIComponent(value);
  } catch {
    return '';
  }
}
