import type { OutboxRow } from '@banyan/outbox';

/** An outbox row with its position. */
export interface PositionedRow extends OutboxRow {
  n: number;
}

/** What is read of a row of the outbox, which the query calls `o`; all but its time. */
export const FIELDS = `o.seq, o.event_id, o.partition, o.aggregate_type, o.aggregate_id, o.aggregate_version, o.event_type,
  o.payload, nullif(o.headers, '{}') as headers`;

/** The same with its time, for a query whose answer pg parses: a `SelectedRow`. */
export const COLUMNS = `${FIELDS}, o.emitted_at::text`;

export interface SelectedRow {
  seq: string;
  event_id: string;
  partition: number;
  aggregate_type: string;
  aggregate_id: string;
  aggregate_version: string | null;
  event_type: string;
  payload: Buffer;
  headers: Record<string, string> | null;
  /** As the session writes it: ISO style, in UTC. */
  emitted_at: string;
}

/** The headers of all events that have none. */
export const NO_HEADERS: Record<string, string> = {};

export function positioned(row: SelectedRow, n: number): PositionedRow {
  return {
    n,
    seq: row.seq,
    eventId: row.event_id,
    partition: row.partition,
    aggregateType: row.aggregate_type,
    aggregateId: row.aggregate_id,
    aggregateVersion: row.aggregate_version ?? undefined,
    eventType: row.event_type,
    payload: row.payload,
    headers: row.headers ?? NO_HEADERS,
    emittedAt: rfc3339(row.emitted_at),
  };
}

/** `2026-01-02 03:04:05.678901+00` as RFC 3339. Done here and not by to_char, which took most of the server's time. */
function rfc3339(written: string): string {
  return `${written.slice(0, 10)}T${written.slice(11, -3)}Z`;
}
