import { PARTITIONS } from './partition.js';

/**
 * "Everything committed before `asOfMs` is in the stream; the last position of each partition is …". Sent on core NATS at
 * least every second; never stored.
 */
export interface Heartbeat {
  source: string;
  epoch: number;
  /** The last tick whose events are all acknowledged by the stream. */
  tick: number;
  /** The last acknowledged position's n; 0 before the first event. */
  n: number;
  /** Last acknowledged n of each partition, 64 numbers; 0 where nothing was published. */
  heads: number[];
  /** Statement time of the tick, before its snapshot, by the source database's clock: ms since 1970. */
  asOfMs: number;
  /** PostgreSQL timeline of the source. */
  timeline: number;
}

export function encodeHeartbeat(heartbeat: Heartbeat): string {
  return JSON.stringify(heartbeat);
}

/** Reads a heartbeat; undefined for anything that is none (whoever can publish on the subject may send rubbish). */
export function decodeHeartbeat(data: string): Heartbeat | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isHeartbeat(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHeartbeat(value: unknown): value is Heartbeat {
  if (typeof value !== 'object' || value === null) return false;
  const { source, epoch, tick, n, heads, asOfMs, timeline } = value as Record<string, unknown>;
  const numbers = [epoch, tick, n, asOfMs, timeline].every((v) => Number.isSafeInteger(v));
  const headsFit =
    Array.isArray(heads) && heads.length === PARTITIONS && heads.every((v) => Number.isSafeInteger(v));
  return typeof source === 'string' && numbers && headsFit;
}
