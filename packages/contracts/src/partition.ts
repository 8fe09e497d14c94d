import { createHash } from 'node:crypto';

/** Order is promised within a partition; there are always 64. */
export const PARTITIONS = 64;

/**
 * The partition of an aggregate, 0…63: the low six bits of the first byte of SHA-256 over the UTF-8 text
 * `<aggregate type>/<aggregate id>`. `banyan.partition_of` computes the same in SQL; any language can.
 */
export function partitionOf(aggregateType: string, aggregateId: string): number {
  const digest = createHash('sha256').update(`${aggregateType}/${aggregateId}`, 'utf8').digest();
  return digest.readUInt8(0) % PARTITIONS;
}
