import { shardConfigsOf, type ShardedSourceConfig } from './sharded-source.js';
import { SourceRelay, type SourceRelayStatus } from './source-relay.js';

/**
 * One process's relay of several sources, each with all of its shards. They share nothing but the process: a source or a
 * shard in trouble holds up no other.
 */
export class Relay {
  readonly #sources: SourceRelay[];

  /** @throws BanyanError for options that do not do */
  constructor(sources: readonly ShardedSourceConfig[]) {
    this.#sources = sources.flatMap(shardConfigsOf).map((config) => new SourceRelay(config));
  }

  get status(): SourceRelayStatus[] {
    return this.#sources.map((source) => source.status);
  }

  start(): void {
    for (const source of this.#sources) source.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.stop()));
  }
}
