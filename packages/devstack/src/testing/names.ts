import { randomBytes } from 'node:crypto';

/** A name that no other test uses: `prefix` and a random ending, lower-case, fit for sources, streams and databases. */
export function uniqueName(prefix: string): string {
  return `${prefix.toLowerCase()}_${randomBytes(6).toString('hex')}`;
}
