import { PARTITIONS } from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';

/** "The events n…m of this epoch", both included; of one partition if one is named. JSON on the wire. */
export interface RangeRequest {
  epoch: number;
  fromN: number;
  toN: number;
  partition: number | undefined;
}

/** Reads a request. @throws BanyanError BANYAN_RANGE_INVALID that says what it should be */
export function readRequest(data: string): RangeRequest {
  const { epoch, fromN, toN, partition } = parse(data);
  const fits = isCount(epoch) && isCount(fromN) && isCount(toN) && fromN <= toN;
  if (fits && (partition === undefined || isPartition(partition))) return { epoch, fromN, toN, partition };
  const shape = '{"epoch":1,"fromN":1,"toN":2,"partition":0…63 or absent}';
  throw new BanyanError('BANYAN_RANGE_INVALID', `${data.slice(0, 200)} is no range; it must be ${shape}`);
}

function parse(data: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;

const isPartition = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < PARTITIONS;
