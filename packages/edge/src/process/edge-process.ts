import {
  LedgerKeeper,
  Reporter,
  StageWatch,
  type EdgeReporting,
  type QueryStage,
  type StageSource,
} from '@banyan/control';
import {
  messageOf,
  resolveOptions,
  silentLogger,
  systemClock,
  text,
  wait,
  wholeNumber,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';
import type { HandlerEntry } from '@banyan/subscriber';
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';
import type { EdgeCacheOptions } from '../cache/cache-options.js';
import type { EdgeCache } from '../cache/edge-cache.js';
import { memoryCache } from '../cache/memory-cache.js';
import { queryEdge, type QueryEdge } from '../query/query-edge.js';
import type { QueryEdgeOptions } from '../query/query-edge-options.js';
import { streamEdge, type StreamEdge } from '../stream/stream-edge.js';
import type { StreamEdgeOptions } from '../stream/stream-edge-options.js';
import { reaction, type Reaction } from '../reaction/reaction.js';
import type { ReactionOptions } from '../reaction/reaction-options.js';
import { receiver, type EventReading, type Receiver } from '../reaction/receiver.js';
import type { ReceiverOptions } from '../reaction/receiver-options.js';
import { clientLedger, type ClientLedger } from '../ledger/client-ledger.js';
import { ProcessLedgers } from '../ledger/process-ledgers.js';
import { serverLedger, type ServerLedger, type ServerLedgerOptions } from '../ledger/server-ledger.js';
import { tombstone, type Tombstone, type TombstoneOptions } from '../retired/tombstone.js';
import { BackgroundSubscriber, type FollowOptions } from './background-subscriber.js';
import { BrokerConnection } from './broker-connection.js';
import {
  edgeReplicaOf,
  kindOf,
  sourceOf,
  type AnswersAbout,
  type FollowedReplica,
} from './followed-replica.js';
import { ProcessCache } from './process-cache.js';

export interface EdgeProcessOptions {
  /** The service that this process belongs to, e.g. `tasks`: the caller of its edges. */
  service: string;
  /** Address of NATS; several servers are separated by commas. */
  natsUrl: string;
  /** What else the connection needs: credentials, TLS. Default: nothing. */
  natsOptions?: NodeConnectionOptions;
  /** Folder of this process alone, for the last known stages of its edges. It must survive restarts. */
  stateDir: string;
  /** The database that the process's subscribers write to. */
  databaseUrl: string;
  /**
   * How long `start` waits at most for replicas that must answer; default 5000. Longer keeps a process whose broker is away
   * from serving what needs no replica; 0 has it refuse calls until the first heartbeat.
   */
  readyTimeoutMs?: number;
  /**
   * Where answers are kept at stage `cache`: `memoryCache()`, which is the default, or `redisCache()`, which several processes
   * share. The process keeps it true by the events of the sources that its edges' subscribers follow.
   */
  cache?: EdgeCache;
  /** Default: nowhere. */
  logger?: Logger;
}

/**
 * A query edge whose replica one of the process's subscribers keeps. Default of `ramp`: by the aggregate that answers are
 * about; of `cache`: in memory.
 */
export type ProcessEdgeOptions<Request, Response> = Omit<
  QueryEdgeOptions<Request, Response>,
  'stages' | 'replica' | 'cache'
> & {
  /** Where its stage is from; default the process's own stage watch. See `fromOpenFeature` for others. */
  stages?: StageSource;
  about: AnswersAbout<Request>;
  replica: FollowedReplica<Request, Response>;
  cache?: Omit<EdgeCacheOptions<Request>, 'aggregate' | 'keyOf'>;
};

/** A reaction's options; its stage is the process's own stage watch's, unless `stages` says otherwise. */
export type ProcessReactionOptions<Request> = Omit<ReactionOptions<Request>, 'stages'> & {
  stages?: StageSource;
};

/**
 * So many reactions share a transaction, at most: until it ends, the rows of the business that they change are locked, and
 * whoever calls the service for one of them waits.
 */
const REACTIONS_PER_BATCH = 50;

/** A subscriber's options, with receivers in place of handlers; `batchEvents` is 50 by default. */
export type ReactOptions = Omit<FollowOptions, 'handlers' | 'sources'> & {
  receivers: readonly { entries: readonly HandlerEntry[]; readBy: (reading: EventReading) => unknown }[];
  /** Default: those of the receivers' events; give them if they are divided into shards. */
  sources?: readonly string[];
};

/** What runs as long as the process does, on its connection: a backfiller, for example. */
export interface ProcessPart {
  start: () => unknown;
  stop: () => unknown;
}

const RULES: OptionRules<EdgeProcessOptions> = {
  service: text(),
  natsUrl: text(),
  natsOptions: {
    fallback: {},
    must: 'options of a NATS connection',
    check: (value): value is NodeConnectionOptions => typeof value === 'object' && value !== null,
  },
  stateDir: text(),
  databaseUrl: text(),
  readyTimeoutMs: wholeNumber(0, 3_600_000, 5_000),
  cache: {
    must: 'what memoryCache or redisCache makes',
    check: (value): value is EdgeCache => typeof value === 'object' && value !== null && 'lookup' in value,
    get fallback() {
      return memoryCache();
    },
  },
  logger: {
    fallback: silentLogger,
    must: 'a logger',
    check: (value): value is Logger => typeof value === 'object' && value !== null && 'warn' in value,
  },
};

type ProcessEdge = EdgeReporting & { stop: () => Promise<void> };

/** How often `start` looks whether a replica is fresh, in ms. */
const LOOK_MS = 20;

/**
 * What the edges of one process stand on: one connection, the stages, the subscribers and the report that `banyan status`
 * collects. Declare edges and subscribers, then start it. A process whose broker is away serves on the last known stages,
 * and no two services need each other to start.
 */
export class EdgeProcess {
  /** Resolves once the broker is there; hand it on unawaited. */
  readonly connection: Promise<NatsConnection>;
  readonly stages: StageWatch;
  readonly #options: Required<EdgeProcessOptions>;
  readonly #broker: BrokerConnection;
  readonly #reporter: Reporter;
  readonly #edges: ProcessEdge[] = [];
  readonly #tombstones: Tombstone[] = [];
  readonly #ledgers = new ProcessLedgers();
  readonly #reported: EdgeReporting[] = [];
  readonly #parts: ProcessPart[] = [];
  readonly #cache: ProcessCache;
  readonly #abort = new AbortController();
  #isStarted = false;

  constructor(given: EdgeProcessOptions) {
    const options = resolveOptions('edge process', RULES, given);
    const { service, natsUrl, natsOptions, stateDir, logger } = options;
    const servers = natsUrl.split(',');
    this.#options = options;
    this.#broker = new BrokerConnection({ name: service, ...natsOptions, servers }, logger);
    this.connection = this.#broker.opened;
    this.#cache = this.add(new ProcessCache({ store: options.cache, nats: this.connection, logger }));
    this.stages = new StageWatch({ connection: this.connection, stateDir, logger });
    const [connection, edges, tombstones] = [this.connection, this.#reported, this.#tombstones];
    const [ledgers, { flags }] = [this.#ledgers, this.stages];
    this.#reporter = new Reporter({ connection, service, edges, tombstones, flags, ledgers, logger });
  }

  /** Declares a query edge: its interceptor goes into the client, its report into `banyan status`. */
  query<Request, Response>(options: ProcessEdgeOptions<Request, Response>): QueryEdge<Request, Response> {
    const { about, replica, cache, ...others } = options;
    const edge = queryEdge({
      logger: this.#options.logger,
      stages: this.stages,
      ramp: { by: kindOf(about.aggregate), keyOf: about.keyOf },
      ...others,
      tokens: { source: sourceOf(about.aggregate), ...others.tokens },
      replica: edgeReplicaOf(replica, about),
      cache: { store: this.#cache.storeFor(replica.subscriber.sources), ...cache, ...about },
    });
    this.#edges.push(edge);
    this.#reported.push(edge);
    return edge;
  }

  /** Declares an edge of a streaming method: its interceptor goes into the client, its report into `banyan status`. */
  stream<Request, Message>(
    options: Omit<StreamEdgeOptions<Request, Message>, 'stages'>,
  ): StreamEdge<Request, Message> {
    const edge = streamEdge({ logger: this.#options.logger, ...options, stages: this.stages });
    this.#reported.push(edge);
    return edge;
  }

  /** Declares a method of this process whose callers may retire: its interceptor goes into the server. */
  tombstone(options: Omit<TombstoneOptions, 'stages'>): Tombstone {
    const declared = tombstone({ ...options, stages: this.stages });
    this.#tombstones.push(declared);
    return declared;
  }

  /** Declares the book of what this process calls: its interceptor goes into each client, as the last. The same one each time. */
  clientLedger(): ClientLedger {
    this.#ledgers.client ??= clientLedger({ service: this.#options.service });
    return this.#ledgers.client;
  }

  /** Declares the book of who calls this process: its interceptor goes into each server, as the first. The same one each time. */
  serverLedger(options: ServerLedgerOptions = {}): ServerLedger {
    this.#ledgers.server ??= this.#keep(serverLedger(options));
    return this.#ledgers.server;
  }

  /** Declares a reaction that begins here; emit its events through `reactions`. */
  reaction<Request>(options: ProcessReactionOptions<Request>): Reaction<Request> {
    const { logger } = this.#options;
    const edge = reaction({ logger, stages: this.stages, ...options });
    this.#reported.push(edge);
    return edge;
  }

  /** Declares a reaction that is done here. Its events come once it is among those of a `react`. */
  receiver<Request, Response>(
    options: Omit<ReceiverOptions<Request, Response>, 'stages'>,
  ): Receiver<Request, Response> {
    const { logger } = this.#options;
    const edge = this.add(receiver({ logger, ...options, stages: this.stages }));
    this.#reported.push(edge);
    return edge;
  }

  /** Declares the subscriber that brings the process's receivers their events; its `sources` are those of the events. */
  react({ receivers, ...options }: ReactOptions): BackgroundSubscriber {
    const handlers = receivers.flatMap(({ entries }) => entries);
    const sources = options.sources ?? [...new Set(handlers.map(({ source }) => source))];
    const subscriber = this.follow({ batchEvents: REACTIONS_PER_BATCH, ...options, sources, handlers });
    for (const each of receivers) each.readBy(subscriber);
    return subscriber;
  }

  /** Declares a subscriber that writes to the process's database. */
  follow(options: FollowOptions): BackgroundSubscriber {
    const { databaseUrl, logger } = this.#options;
    const subscriber = new BackgroundSubscriber({ options, nats: this.connection, databaseUrl, logger });
    return this.add(subscriber);
  }

  /** Has something start (at once, if the process has) and stop with the process; it may count on the connection for as long. */
  add<P extends ProcessPart>(part: P): P {
    this.#parts.push(part);
    if (this.#isStarted) void this.#begin(part);
    return part;
  }

  /**
   * Begins everything that was declared, in the background. Resolves when there is nothing to wait for: at once, unless an
   * edge stands at a stage that only its replica answers; then when that is fresh, or after `readyTimeoutMs`. Serve after
   * it, so that a restart refuses no call.
   */
  async start(): Promise<void> {
    this.#isStarted = true;
    this.#broker.start();
    this.stages.start();
    void this.#reporter.start();
    for (const part of this.#parts) void this.#begin(part);
    const deadlineMs = systemClock.monotonicMs() + this.#options.readyTimeoutMs;
    while (!this.#reported.every(canAnswer) && !this.#abort.signal.aborted) {
      if (systemClock.monotonicMs() >= deadlineMs) return;
      await wait(LOOK_MS, this.#abort.signal);
    }
  }

  /** Stops in the opposite direction, the connection last. Stopping twice is legal. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#reporter.stop();
    await Promise.all(this.#parts.map((part) => part.stop()));
    await this.stages.stop();
    await Promise.all(this.#edges.map((edge) => edge.stop()));
    await this.#broker.close();
  }

  #keep(ledger: ServerLedger): ServerLedger {
    const { service, logger } = this.#options;
    this.add(new LedgerKeeper({ connection: this.connection, service, ledger, logger }));
    return ledger;
  }

  /** A part that cannot begin is told of: its replicas then count as never started. */
  async #begin(part: ProcessPart): Promise<void> {
    try {
      await part.start();
    } catch (error) {
      this.#options.logger.error('a part of the process does not start', { error: messageOf(error) });
    }
  }
}

/** Stages at which nobody but the replica answers. */
const ALONE: ReadonlySet<string> = new Set<QueryStage>(['replica', 'retired']);

/** False for an edge that would refuse each call now: its provider is not asked, and its replica is not fresh. */
function canAnswer(edge: EdgeReporting): boolean {
  const report = edge.report(false);
  return report.kind !== 'query' || !ALONE.has(report.running.stage) || report.freshness.fresh;
}
