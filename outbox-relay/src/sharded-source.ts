import { BanyanError } from '@banyan/runtime';
import type { SourceRelayConfig } from './options.js';

/** What a process says of a source, besides the options of each of its shards' relays. */
export interface ShardedSourceOptions {
  /**
   * Which shards this process may lead, for example `[0, 2]` (as a flag or variable: `0,2`). Default: all of them, so that
   * each process is a stand-by for every shard.
   */
  onlyShards?: string | number | readonly number[];
}

/** A source, with all of its shards, as a process is told of it. */
export type ShardedSourceConfig = Omit<SourceRelayConfig, 'shard'> & ShardedSourceOptions;

/** One configuration for each shard that the process may lead. @throws BanyanError BANYAN_OPTION_INVALID */
export function shardConfigsOf(config: ShardedSourceConfig): SourceRelayConfig[] {
  const { onlyShards, ...options } = config;
  const all = Array.from({ length: options.shards ?? 1 }, (_, shard) => shard);
  const chosen = onlyShards === undefined ? all : shardsIn(onlyShards);
  const unknown = chosen.find((shard) => !all.includes(shard));
  if (unknown === undefined && chosen.length > 0) {
    return all.filter((shard) => chosen.includes(shard)).map((shard) => ({ ...options, shard }));
  }
  throw new BanyanError(
    'BANYAN_OPTION_INVALID',
    `onlyShards of ${options.source} must name some of its shards, 0 to ${all.length - 1}, not ${JSON.stringify(onlyShards)}`,
  );
}

function shardsIn(given: string | number | readonly number[]): readonly number[] {
  if (typeof given === 'number') return [given];
  return typeof given === 'string' ? given.split(',').map((part) => Number(part.trim() || NaN)) : given;
}
