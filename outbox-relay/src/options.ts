import { shardName } from '@banyan/contracts';
import {
  BanyanError,
  flag,
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';

/** Options of one source's relay. Times in ms, sizes in bytes. */
export interface SourceRelayOptions {
  /** The source's name, as in its stream `EVENTS_<SOURCE>`: lower-case letters, digits, `-` and `_`. Required. */
  source: string;
  /** Its database. A direct connection: transaction pooling would lose the lock that makes one relay the leader. Required. */
  databaseUrl: string;
  /** The NATS server or servers, comma-separated. Required. */
  natsUrl: string;
  /**
   * How many shards the source has: as `banyan.shards()` says in its database. Default 1. A relay that was told another
   * number refuses to publish, since some shard might have no relay.
   */
  shards: number;
  /** Which of them this relay leads, from 0. Default 0. A process is told nothing here: it has a relay for each. */
  shard: number;
  /** Copies of the stream in a cluster, used when the relay creates it. Default 1; use 3 in production. */
  streamReplicas: number;
  /**
   * Whether writers may wake the relay by NOTIFY. Default true. With false (for writers that only prepare transactions,
   * say) an event waits up to `pollIntervalMs`.
   */
  notify: boolean;
  /** Longest pause between two looks at the outbox while idle; also the interval of heartbeats then. Default 500. */
  pollIntervalMs: number;
  /** Shortest time from one tick to the next. Default 2; more saves rows in `banyan.tick`, and adds latency. */
  tickIntervalMs: number;
  /** Without an event for so long the relay asks for NOTIFY and sleeps. Default 25. */
  idleBeforeSleepMs: number;
  /** Rows read from the outbox at a time. Default 1000; bounds memory together with `maxInFlightBytes`. */
  pageRows: number;
  /** Most messages sent and not yet acknowledged. Default 4096. */
  maxInFlight: number;
  /** Most bytes sent and not yet acknowledged, but always one message. Default 8 MiB. */
  maxInFlightBytes: number;
  /** Without any acknowledgement for so long, with messages in flight, the relay reconnects and reads back. Default 5000. */
  ackTimeoutMs: number;
  /** A stand-by asks for the leadership this often. Default 250. */
  standbyIntervalMs: number;
  /**
   * A stand-by ends the database session of a leader that said nothing to the database for so long: it is frozen or cut
   * off. Default 2500; a leader says something every second. More tolerates longer pauses of a leader, and takes longer to
   * replace one.
   */
  leaderSilenceMs: number;
  /** How often the acknowledged position is noted in the database while it moves. Default 1000. */
  noteAckedIntervalMs: number;
  /**
   * Events stay in the outbox for so long after the stream acknowledged them, and up to half as long again. Default 24 h.
   * A broker that lost its newest messages, and subscribers that found a gap, are served from there.
   */
  retentionMs: number;
  /** While the outbox is larger than this, events stay for `retentionFloorMs` only. Default 0: no limit. */
  retentionMaxBytes: number;
  /**
   * How long events stay in an outbox that is too large. Default 10 min. Keep it well above the broker's `sync_interval`
   * (2 min unless set): what the broker has not synced it can lose, and only the outbox can bring it back.
   */
  retentionFloorMs: number;
  /** How often to look whether a slot of the outbox can be emptied or left. Default 30,000. */
  retentionCheckMs: number;
  /**
   * How often the leading relay compares the newest part of the stream with the outbox. Default 3,600,000 (1 h); 0: never.
   * It has connections of its own and looks at 20,000 positions a second at most.
   */
  auditIntervalMs: number;
  /** How many of the newest positions such an audit looks at. Default 100,000. `banyan relay audit` looks at all. */
  auditNewest: number;
  /**
   * Whether operators may give it tasks over NATS (`banyan relay audit`, `repair`, `new-epoch`, `banyan capture`). Default
   * true: restrict `banyan.relay.task.>` to operators by NATS permissions. With false it answers none of them.
   */
  operatorTasks: boolean;
  /** First and largest ceiling of the delay before trying again after a failure. Defaults 100 and 5000. */
  retryFirstDelayMs: number;
  retryMaxDelayMs: number;
  /** Where log lines go. Default: nowhere. */
  logger: Logger;
}

const RULES: OptionRules<SourceRelayOptions> = {
  source: {
    must: 'a source name: lower-case letters, digits, - and _, starting with a letter',
    check: (value): value is string => typeof value === 'string' && /^[a-z][a-z0-9_-]{0,62}$/.test(value),
  },
  databaseUrl: {
    must: 'a postgres:// URL',
    check: (value): value is string => typeof value === 'string' && /^postgres(ql)?:\/\//.test(value),
  },
  natsUrl: text(),
  shards: wholeNumber(1, 64, 1),
  shard: wholeNumber(0, 63, 0),
  streamReplicas: wholeNumber(1, 5, 1),
  notify: flag(true),
  pollIntervalMs: wholeNumber(10, 1000, 500),
  tickIntervalMs: wholeNumber(0, 1000, 2),
  idleBeforeSleepMs: wholeNumber(0, 60_000, 25),
  pageRows: wholeNumber(1, 100_000, 1000),
  maxInFlight: wholeNumber(1, 65_536, 4096),
  maxInFlightBytes: wholeNumber(1, 1_073_741_824, 8 * 1024 * 1024),
  ackTimeoutMs: wholeNumber(100, 600_000, 5000),
  standbyIntervalMs: wholeNumber(10, 60_000, 250),
  leaderSilenceMs: wholeNumber(1500, 600_000, 2500),
  noteAckedIntervalMs: wholeNumber(10, 60_000, 1000),
  retentionMs: wholeNumber(0, 31_536_000_000, 86_400_000),
  retentionMaxBytes: wholeNumber(0, Number.MAX_SAFE_INTEGER, 0),
  retentionFloorMs: wholeNumber(0, 31_536_000_000, 600_000),
  retentionCheckMs: wholeNumber(10, 3_600_000, 30_000),
  auditIntervalMs: wholeNumber(0, 604_800_000, 3_600_000),
  auditNewest: wholeNumber(1, 1_000_000_000, 100_000),
  operatorTasks: flag(true),
  retryFirstDelayMs: wholeNumber(1, 60_000, 100),
  retryMaxDelayMs: wholeNumber(1, 600_000, 5000),
  logger: {
    fallback: silentLogger,
    must: 'a logger with debug, info, warn and error',
    check: (value): value is Logger => typeof value === 'object' && value !== null && 'warn' in value,
  },
};

export type RequiredOptions = 'source' | 'databaseUrl' | 'natsUrl';

/** What a user gives: the required three, and any of the others. */
export type SourceRelayConfig = Pick<SourceRelayOptions, RequiredOptions> &
  Partial<Omit<SourceRelayOptions, RequiredOptions>>;

/**
 * Resolved, `source` is the shard's own name: what it is towards NATS.
 * @throws BanyanError BANYAN_OPTION_UNKNOWN or BANYAN_OPTION_INVALID
 */
export function resolveSourceRelayOptions(given: SourceRelayConfig): SourceRelayOptions {
  const options = resolveOptions<SourceRelayOptions>('relay', RULES, given);
  const { source, shard, shards } = options;
  if (shard < shards) return { ...options, source: shardName(source, shard) };
  throw new BanyanError(
    'BANYAN_OPTION_INVALID',
    `relay option shard must be one of the ${shards} shards of ${source}, counted from 0, not ${shard}`,
  );
}

/** The options that a file, the environment or a flag may set for a source, besides what identifies it. */
export const TUNABLE_OPTIONS: readonly string[] = Object.keys(RULES)
  .filter((name) => !['source', 'databaseUrl', 'natsUrl', 'shard', 'logger'].includes(name))
  .concat('onlyShards');
