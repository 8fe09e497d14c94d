import { parsePosition } from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';
import type { MsgHdrs } from '@nats-io/nats-core';

/** What a message of a source's stream says, before its payload is decoded. */
export interface IncomingEvent {
  source: string;
  epoch: number;
  n: number;
  /** The n of the event before it in the same partition; 0 if it is the first. */
  prevN: number;
  partition: number;
  aggregate: string;
  aggregateId: string;
  type: string;
  eventId: string;
  /** The aggregate's version after the event; undefined when its writer keeps none. */
  version: number | undefined;
  /** When the writer emitted it, by the source database's clock. */
  time: Date;
  headers: MsgHdrs;
  payload: Uint8Array;
  /** Its sequence in the stream: a hint, never a position. 0: it came from elsewhere. */
  sequence: number;
  /** 1 when it comes for the first time. */
  attempt: number;
}

/** The parts of a JetStream message that matter here. */
export interface StreamMessage {
  subject: string;
  seq: number;
  data: Uint8Array;
  headers: MsgHdrs | undefined;
}

/**
 * Reads a message's envelope.
 * @throws BanyanError BANYAN_OTHER_HISTORY for a message that no relay wrote
 */
export function readEvent(message: StreamMessage): IncomingEvent {
  const { headers, subject, seq } = message;
  const [, source, aggregate, type, partition] = subject.split('.');
  const position = headers?.get('Banyan-Position') ?? '';
  if (headers === undefined || position === '' || partition === undefined) throw notOurs(message);
  const { epoch, n } = parsePosition(position);
  const version = headers.get('Banyan-Version');
  return {
    source: source ?? '',
    epoch,
    n,
    prevN: parsePosition(headers.get('Banyan-Prev')).n,
    partition: Number(partition),
    aggregate: aggregate ?? '',
    aggregateId: decodeURIComponent(headers.get('ce-subject')),
    type: type ?? '',
    eventId: headers.get('ce-id'),
    version: version === '' ? undefined : Number(version),
    time: new Date(headers.get('ce-time')),
    headers,
    payload: message.data,
    sequence: seq,
    attempt: 1,
  };
}

function notOurs({ subject, seq }: StreamMessage): BanyanError {
  return new BanyanError(
    'BANYAN_OTHER_HISTORY',
    `message ${seq} on ${subject} has no position: no relay wrote it`,
  );
}
