import type { SubscriberStatus } from '@banyan/subscriber';

/** Partitions that this instance applies and that cannot go on, as at a gap; undefined: none. */
export function stoppedPartitions({
  sources,
}: SubscriberStatus): { partitions: number; because: string } | undefined {
  const all = sources.flatMap(({ lanes }) => lanes.flatMap(({ stopped }) => stopped));
  const [first] = all;
  return first === undefined ? undefined : { partitions: all.length, because: first.because };
}
