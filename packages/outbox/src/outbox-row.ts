/** A row of `banyan.outbox`, as the relay reads it. */
export interface OutboxRow {
  /** Order within a batch, as text: it may exceed 2^53. */
  seq: string;
  eventId: string;
  /** 0…63 */
  partition: number;
  aggregateType: string;
  aggregateId: string;
  /** The aggregate's version after the event; undefined when the writer keeps none. */
  aggregateVersion: string | undefined;
  eventType: string;
  payload: Uint8Array;
  headers: Record<string, string>;
  /** When `banyan.emit` ran, RFC 3339, by the database's clock. */
  emittedAt: string;
}
