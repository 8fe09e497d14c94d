import { PARTITIONS } from '@banyan/contracts';

/** The lane of a partition: neighbours share one, so that a shard, which has every nth partition, is in all lanes. */
export function laneOf(partition: number, lanes: number): number {
  return Math.floor((partition * lanes) / PARTITIONS);
}
