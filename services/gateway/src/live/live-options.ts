import { oneOf, resolveOptions, text, wholeNumber, type OptionRules } from '@banyan/runtime';

/** How pages learn of changes: they ask again and again, or are told. */
export type LiveMode = 'poll' | 'push';

/** May somebody be told of a resource, e.g. `tasks?projectId=…`? */
export type MayWatch = (question: { who: string; resource: string }) => boolean | Promise<boolean>;

/** Options of live updates. Times in ms. */
export interface LiveOptions {
  /** The flag that says `poll` or `push`, for all clients or by the client's key. Default `gateway.live`. */
  flag: string;
  /** What holds while nobody has made the flag. Default `poll`. */
  unflagged: LiveMode;
  /** How often clients are told to poll. Default 2000. */
  pollMs: number;
  /** Events come no more for so long: clients are told to poll until they do. Default 10,000. */
  stalledAfterMs: number;
  /** Bytes of recent events that are kept of each source, for clients that reconnect or are slow. Default 16 MiB. */
  ringBytes: number;
  /** Events that are read from a stream again for clients that were away, at most; others read all anew. Default 20,000. */
  maxResumeEvents: number;
  /** Clients at a time. Default 5000. */
  maxClients: number;
  /** Subscriptions of a client. Default 50. */
  maxSubscriptions: number;
  /** Bytes of a client's frame. Default 16,384. */
  maxFrameBytes: number;
  /** Frames of a client in a second. Default 100. */
  maxFramesPerSecond: number;
  /** Bytes that wait to be sent to a client, about; one that reads slower gets no more until they are gone. Default 262,144. */
  maxBufferedBytes: number;
  /** How often clients are told how far they are. Default 1000. */
  positionMs: number;
  /** How often a client is asked whether it is there. One that says nothing for twice as long is cut off. Default 15,000. */
  heartbeatMs: number;
  /** Who may be told of what. Default: everybody who was let in, of everything. */
  mayWatch: MayWatch;
}

const RULES: OptionRules<LiveOptions> = {
  flag: text('gateway.live'),
  unflagged: oneOf(['poll', 'push'], 'poll'),
  pollMs: wholeNumber(100, 3_600_000, 2000),
  stalledAfterMs: wholeNumber(1000, 3_600_000, 10_000),
  ringBytes: wholeNumber(4096, 4 * 1024 ** 3, 16 * 1024 ** 2),
  maxResumeEvents: wholeNumber(0, 10_000_000, 20_000),
  maxClients: wholeNumber(1, 1_000_000, 5000),
  maxSubscriptions: wholeNumber(1, 10_000, 50),
  maxFrameBytes: wholeNumber(256, 1024 ** 2, 16_384),
  maxFramesPerSecond: wholeNumber(1, 100_000, 100),
  maxBufferedBytes: wholeNumber(1024, 64 * 1024 ** 2, 262_144),
  positionMs: wholeNumber(50, 60_000, 1000),
  heartbeatMs: wholeNumber(100, 600_000, 15_000),
  mayWatch: {
    fallback: () => true,
    must: 'a function',
    check: (value): value is MayWatch => typeof value === 'function',
  },
};

/** @throws BanyanError BANYAN_OPTION_INVALID, BANYAN_OPTION_UNKNOWN */
export function resolveLiveOptions(given: Partial<LiveOptions>): LiveOptions {
  return resolveOptions<LiveOptions>('live', RULES, given);
}
