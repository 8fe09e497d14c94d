import { randomUUID } from 'node:crypto';

/**
 * A new id: a UUID of version 7 (RFC 9562), milliseconds first, so that ids sort by time and new rows lie together in an
 * index. Within one millisecond the order is random.
 */
export function newId(nowMs: number = Date.now()): string {
  const time = nowMs.toString(16).padStart(12, '0');
  const random = randomUUID();
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}
