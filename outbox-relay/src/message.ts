import { formatPosition, subjectOf } from '@banyan/contracts';
import { headers, type MsgHdrs } from '@nats-io/nats-core';
import type { PositionedRow } from './batch.js';

/** One event as it goes into the stream, all but the header that chains it to the message before. */
export interface OutgoingMessage {
  n: number;
  subject: string;
  headers: MsgHdrs;
  payload: Uint8Array;
}

export interface MessageContext {
  source: string;
  epoch: number;
  tick: number;
  /** The n of the event before this one in the same partition; 0 if it is the first. */
  prevN: number;
}

/** CloudEvents 1.0 in binary mode over NATS headers, and Banyan's own. */
export function messageOf(row: PositionedRow, context: MessageContext): OutgoingMessage {
  const { source, epoch, tick, prevN } = context;
  const head = headers();
  head.set('ce-specversion', '1.0');
  head.set('ce-id', row.eventId);
  head.set('ce-source', `/${source}`);
  head.set('ce-type', `${source}.${row.eventType}`);
  head.set('ce-time', row.emittedAt);
  head.set('ce-subject', percentEncode(row.aggregateId));
  head.set('ce-partitionkey', percentEncode(`${row.aggregateType}/${row.aggregateId}`));
  head.set('content-type', 'application/protobuf');
  head.set('Banyan-Position', formatPosition(epoch, row.n));
  head.set('Banyan-Tick', String(tick));
  head.set('Banyan-Prev', formatPosition(epoch, prevN));
  if (row.aggregateVersion !== undefined) head.set('Banyan-Version', row.aggregateVersion);
  for (const name in row.headers) head.set(name, row.headers[name] ?? '');
  const subject = subjectOf(source, {
    aggregate: row.aggregateType,
    type: row.eventType,
    partition: row.partition,
  });
  return { n: row.n, subject, headers: head, payload: row.payload };
}

const NEEDS_ENCODING = /[^\x21\x23\x24\x26-\x7e]/u;

/**
 * What CloudEvents' NATS binding asks of header values: everything but printable ASCII, and blank, quote and percent too,
 * is percent-encoded.
 */
function percentEncode(value: string): string {
  if (!NEEDS_ENCODING.test(value)) return value;
  return value.replace(/[^\x21\x23\x24\x26-\x7e]/gu, (character) =>
    Array.from(
      Buffer.from(character, 'utf8'),
      (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    ).join(''),
  );
}
