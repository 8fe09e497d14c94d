import { subjectsOf } from './subjects.js';

/** The oldest nats-server whose JetStream keeps the promises that relays and subscribers build on. */
export const OLDEST_NATS_SERVER = [2, 10] as const;

/** The largest event that `banyan.emit` lets through, and room for the headers that the relay adds. In bytes. */
export const LARGEST_MESSAGE_BYTES = 1_000_000 + 16_384;

/** True for a version as a server tells it, `2.10.27` or `2.12.0-preview.1`, that is recent enough. */
export function isRecentNatsServer(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NATS_SERVER;
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

/** What of a JetStream stream's configuration the rules look at. */
export interface StreamSettings {
  subjects?: string[];
  storage: string;
  retention: string;
  max_msgs_per_subject: number;
  max_msg_size?: number;
  deny_delete: boolean;
  deny_purge: boolean;
  no_ack?: boolean;
  sealed: boolean;
  mirror?: unknown;
  sources?: unknown;
  subject_transform?: unknown;
}

/** What of a source's stream would break a promise: what must hold and does not. Empty: nothing. */
export function streamFaults(config: StreamSettings, source: string): string[] {
  return RULES.filter(([, holds]) => !holds(config, source)).map(([must]) => must);
}

const RULES: readonly (readonly [
  must: string,
  holds: (config: StreamSettings, source: string) => boolean,
])[] = [
  [
    'subjects must be exactly evt.<source>.>',
    ({ subjects = [] }, source) => subjects.length === 1 && subjects[0] === subjectsOf(source),
  ],
  ['storage must be file', (config) => config.storage === 'file'],
  ['retention must be limits', (config) => config.retention === 'limits'],
  ['max_msgs_per_subject must be unlimited', (config) => config.max_msgs_per_subject <= 0],
  [
    'max_msg_size must not be below what banyan.emit lets through',
    (config) => holdsLargest(config.max_msg_size),
  ],
  ['deny_delete must be set', (config) => config.deny_delete],
  ['deny_purge must be set', (config) => config.deny_purge],
  ['no_ack must not be set', (config) => config.no_ack !== true],
  ['sealed must not be set', (config) => !config.sealed],
  [
    'it must not be a mirror or have sources',
    (config) => config.mirror === undefined && config.sources === undefined,
  ],
  ['it must not transform subjects', (config) => config.subject_transform === undefined],
];

function holdsLargest(maxMessageBytes: number | undefined): boolean {
  return maxMessageBytes === undefined || maxMessageBytes <= 0 || maxMessageBytes >= LARGEST_MESSAGE_BYTES;
}
