import { formatPosition, subjectOf } from '@banyan/contracts';
import type { PositionedRow } from './positioned-row.js';
import { tracedHeaders } from './trace.js';
import { WrittenHeaders } from './written-headers.js';

/** One event as it goes into the stream, all but the header that chains it to the message before. */
export interface OutgoingMessage {
  n: number;
  subject: string;
  headers: WrittenHeaders;
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
  const id = percentEncode(row.aggregateId);
  let lines =
    `ce-specversion: 1.0\r\nce-id: ${row.eventId}\r\nce-source: /${source}\r\n` +
    `ce-type: ${source}.${row.eventType}\r\nce-time: ${row.emittedAt}\r\nce-subject: ${id}\r\n` +
    `ce-partitionkey: ${row.aggregateType}/${id}\r\n` +
    `Banyan-Position: ${formatPosition(epoch, row.n)}\r\nBanyan-Tick: ${tick}\r\n` +
    `Banyan-Prev: ${formatPosition(epoch, prevN)}\r\n`;
  if (row.aggregateVersion !== undefined) lines += `Banyan-Version: ${row.aggregateVersion}\r\n`;
  const headers = tracedHeaders(row, source);
  if (headers['content-type'] === undefined) lines += 'content-type: application/protobuf\r\n';
  for (const name in headers) lines += `${name}: ${headers[name] ?? ''}\r\n`;
  const subject = subjectOf(source, {
    aggregate: row.aggregateType,
    type: row.eventType,
    partition: row.partition,
  });
  return { n: row.n, subject, headers: new WrittenHeaders(lines), payload: row.payload };
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
