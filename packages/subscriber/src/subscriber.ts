import { randomBytes } from 'node:crypto';
import { isBanyanError } from '@banyan/runtime';
import {
  oldest,
  type FreshnessOf,
  type SourceFreshness,
  type SubscriberFreshness,
} from './freshness/freshness.js';
import { TokenWaiter, type TokenWait, type WaitOptions } from './freshness/token-wait.js';
import { isShardOf } from './handler-table.js';
import { LeaseStore, type HeldKey } from './lanes/lease-store.js';
import { Membership } from './lanes/membership.js';
import { SourceLanes } from './lanes/source-lanes.js';
import {
  replicasOf,
  resolveSubscriberOptions,
  type SubscriberConfig,
  type SubscriberOptions,
} from './options.js';
import { TombstoneSweep } from './replica/tombstone-sweep.js';
import { RebuildService } from './rebuild/rebuild-service.js';
import { RebuildStore } from './rebuild/rebuild-store.js';
import { Rebuilder } from './rebuild/rebuilder.js';
import { ReportService } from './report-service.js';
import type { Session } from './session.js';
import type { SourceStatus, SubscriberState, SubscriberStatus } from './status.js';

/**
 * Applies events to a database, each exactly once there, in order within each partition. Several instances may run: they
 * share the lanes of each source.
 */
export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #instance = randomBytes(6).toString('hex');
  readonly #sources: readonly SourceLanes[];
  readonly #membership: Membership;
  readonly #tokens: TokenWaiter;
  readonly #tombstones: TombstoneSweep;
  readonly #reports: ReportService;
  readonly #rebuildStore: RebuildStore;
  readonly #rebuilder: Rebuilder;
  readonly #rebuilds: RebuildService;
  #state: 'stopped' | 'starting' | 'started' = 'stopped';
  /** Too many keys are parked. */
  #brake: Error | undefined;

  constructor(config: SubscriberConfig) {
    const options = resolveSubscriberOptions(config);
    const { name, sources, lanes, handlers } = options;
    this.#options = options;
    this.#sources = sources.map((source) => this.#sourceLanes(source));
    this.#tokens = new TokenWaiter({ ...options, replicas: replicasOf(handlers), sources: this.#sources });
    this.#tombstones = new TombstoneSweep(
      replicasOf(handlers).map(({ options: { table } }) => table),
      options.tombstonesMs,
    );
    this.#reports = new ReportService({
      nats: options.nats,
      replicas: replicasOf(handlers),
      status: () => this.status,
      freshness: () => this.sourceFreshness,
    });
    this.#rebuildStore = new RebuildStore(name);
    const rebuilding = {
      ...options,
      instance: this.#instance,
      replicas: replicasOf(handlers),
      store: this.#rebuildStore,
    };
    this.#rebuilder = new Rebuilder(rebuilding);
    this.#rebuilds = new RebuildService({
      ...rebuilding,
      epochs: () =>
        this.#sources.flatMap(({ source, freshness: { latest } }) =>
          latest === undefined ? [] : [{ source, epoch: latest.epoch }],
        ),
      onChange: () => this.#rebuilder.wake(),
    });
    this.#membership = new Membership({
      ...options,
      instance: this.#instance,
      store: new LeaseStore(name, sources, lanes),
      onConnected: (session) => this.#onConnected(session),
      onLook: () => this.#sources.forEach(({ freshness }) => freshness.beginLook()),
      onView: (source, view) => this.#source(source).view(view),
      onLanes: (source, wanted) => this.#source(source).set(wanted),
      onRound: (session) => this.#onRound(session),
    });
  }

  /** How fresh what the handlers wrote is. Cheap. Ask first, read then. */
  freshness({ source, key }: FreshnessOf = {}): SubscriberFreshness {
    const asked = this.#sources.filter((each) => source === undefined || isShardOf(each.source, source));
    const all = asked.map((each) => this.#freshnessOf(each));
    const held = key !== undefined && asked.some(({ freshness }) => freshness.isHeld(key));
    return {
      asOfMs: held ? undefined : oldest(all.map(({ asOfMs }) => asOfMs)),
      listsAsOfMs: oldest(all.map(({ listsAsOfMs }) => listsAsOfMs)),
      epoch: all.length === 1 ? all[0]?.epoch : undefined,
    };
  }

  /** The freshness of each source, with positions and heartbeats. */
  get sourceFreshness(): readonly SourceFreshness[] {
    return this.#sources.map((each) => this.#freshnessOf(each));
  }

  /**
   * Waits until what is kept here has at least what the token says, whichever instance applies it.
   * @param token `source/aggregate/id@version` for a replica's aggregates, or `source:epoch.n/partition`
   * @throws BanyanError BANYAN_TOKEN_INVALID
   */
  waitFor(token: string, options: WaitOptions): Promise<TokenWait> {
    return this.#tokens.wait(token, options);
  }

  get status(): SubscriberStatus {
    const sources = this.#sources.map((each) => statusOf(each));
    const sum = (read: (status: SourceStatus) => number): number =>
      sources.reduce((total, each) => total + read(each), 0);
    const replicas = replicasOf(this.#options.handlers);
    return {
      name: this.#options.name,
      instance: this.#instance,
      state: this.#is,
      because: this.#brake?.message ?? (this.#state === 'stopped' ? undefined : this.#membership.failure),
      code: isBanyanError(this.#brake) ? this.#brake.code : undefined,
      applied: sum(({ applied }) => applied),
      duplicates: sum(({ duplicates }) => duplicates),
      ignored: sum(({ ignored }) => ignored),
      queued: sum(({ queued }) => queued),
      sources,
      versionInversions: Object.fromEntries(replicas.map((each) => [each.options.table, each.inversions])),
    };
  }

  start(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'starting';
    this.#membership.start();
    this.#reports.start();
    this.#rebuilds.start();
    this.#rebuilder.start();
  }

  /** Stops after the current batches, and gives its lanes to the others. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#reports.stop();
    await Promise.all([this.#rebuilds.stop(), this.#rebuilder.stop()]);
    await this.#membership.stop(async () => {
      await Promise.all(this.#sources.map((source) => source.stop()));
    });
    await this.#tokens.close();
    for (const { freshness } of this.#sources) freshness.close();
  }

  get #is(): SubscriberState {
    if (this.#state === 'stopped') return 'stopped';
    if (this.#brake !== undefined) return 'halted';
    if (this.#membership.failure !== undefined) return 'down';
    if (this.#state === 'starting') return 'starting';
    return this.#sources.some(({ lanes }) => lanes.length > 0) ? 'running' : 'standby';
  }

  #sourceLanes(source: string): SourceLanes {
    return new SourceLanes(source, this.#options, {
      instance: this.#instance,
      brake: () => this.#brake,
      onLimit: (error) => this.#onLimit(error),
      onStopped: () => this.#membership.look(),
      onApplied: () => this.#tokens.ring(),
    });
  }

  async #onConnected({ client }: Session): Promise<void> {
    for (const { store } of this.#sources) await store.register(client);
    for (const replica of replicasOf(this.#options.handlers)) await replica.check(client);
  }

  async #onRound({ client }: Session): Promise<void> {
    if (this.#state === 'starting') this.#state = 'started';
    const waiting = this.#sources.flatMap(({ held }) => held.filter(isWaiting)).length;
    if (this.#brake !== undefined && waiting < this.#options.parkedKeysLimit) this.#brake = undefined;
    await this.#tombstones.sweep(client);
    // Also one that another instance has left unfinished.
    if (await this.#rebuildStore.hasOpen(client)) this.#rebuilder.wake();
  }

  #onLimit(error: Error): void {
    if (this.#brake === undefined) this.#options.logger.error('halted', { error: error.message });
    this.#brake = error;
  }

  #source(name: string): SourceLanes {
    const found = this.#sources.find(({ source }) => source === name);
    if (found === undefined) throw new Error(`${name} is none of the sources`);
    return found;
  }

  #freshnessOf({ source, freshness }: SourceLanes): SourceFreshness {
    const { asOfMs, epoch, oldestHeldMs, latest, positions } = freshness;
    return {
      source,
      asOfMs,
      epoch,
      listsAsOfMs: asOfMs === undefined ? undefined : Math.min(asOfMs, oldestHeldMs ?? asOfMs),
      heartbeatMs: latest?.asOfMs,
      stalenessMs: asOfMs === undefined ? undefined : Math.max(0, Date.now() - asOfMs),
      positions,
    };
  }
}

const isWaiting = ({ state }: HeldKey): boolean => state !== 'skipped';

function statusOf(each: SourceLanes): SourceStatus {
  const { positions, latest } = each.freshness;
  const lacking = positions.flatMap(({ n }, partition) => (n < (latest?.heads[partition] ?? 0) ? [n] : []));
  return {
    source: each.source,
    lanes: each.lanes.map(({ status }) => status),
    instances: each.instances,
    lastN: Math.max(0, ...positions.map(({ n }) => n)),
    lagPositions: latest === undefined ? undefined : latest.n - Math.min(latest.n, ...lacking),
    parkedKeys: each.held.filter(isWaiting).length,
    ...each.counts,
  };
}

/** Makes a subscriber. Call `start` on it. */
export function subscriber(config: SubscriberConfig): Subscriber {
  return new Subscriber(config);
}
