import { BanyanError } from '@banyan/runtime';
import { PARTITIONS } from './partition.js';

/**
 * A shard is a part of a source with an outbox, a stream and positions of its own. Events of partition p are in shard
 * p modulo the number of shards, so those of one key are in one. Towards NATS, and to subscribers, each shard is a source.
 */

/**
 * The name of a shard as a source: `projects` is shard 0, `projects-1` the next.
 * @throws BanyanError BANYAN_OPTION_INVALID for a shard that is not a whole number from 0 to 63
 */
export function shardName(source: string, shard: number): string {
  checkWithin('a shard', shard, { from: 0, to: PARTITIONS - 1 });
  return shard === 0 ? source : `${source}-${shard}`;
}

/**
 * The names of all shards of a source, which a subscriber lists as its sources.
 * @param shards how many there are, as `banyan.shards()` says: 1 to 64
 * @throws BanyanError BANYAN_OPTION_INVALID for any other number
 */
export function shardsOf(source: string, shards: number): string[] {
  checkWithin('the number of shards', shards, { from: 1, to: PARTITIONS });
  return Array.from({ length: shards }, (_, shard) => shardName(source, shard));
}

/** The shard that holds a partition's events, if there are so many. */
export function shardOfPartition(partition: number, shards: number): number {
  return partition % shards;
}

function checkWithin(what: string, value: number, { from, to }: { from: number; to: number }): void {
  if (Number.isSafeInteger(value) && value >= from && value <= to) return;
  throw new BanyanError(
    'BANYAN_OPTION_INVALID',
    `${what} must be a whole number from ${from} to ${to}, not ${value}`,
  );
}
