import { context, propagation } from '@opentelemetry/api';
import type { EventDefinition } from '@banyan/contracts';
import { currentTokens, TOKEN_HEADER, type Queryable, type TokenScope } from '@banyan/runtime';

declare const eventIdBrand: unique symbol;

/** An event's own id, a UUID. */
export type EventId = string & { readonly [eventIdBrand]: true };

export interface EmitOptions {
  /** Extra headers for readers: names of A-Z a-z 0-9 _ -, values without control characters. Default: none. */
  headers?: Record<string, string>;
  /** The event's id. Default: a random UUID. Give one to make the id known before the transaction runs. */
  eventId?: string;
}

const EMIT = 'select banyan.emit($1, $2, $3, $4, $5, $6, coalesce($7, gen_random_uuid())) as id';
const EPOCH = ', banyan.present_epoch() as epoch';
const AT = ', (extract(epoch from clock_timestamp()) * 1000)::float8 as "atMs"';

interface Emitted {
  id: EventId;
  epoch?: number | null;
  atMs?: number;
}

/** An event as it was emitted. */
export interface Emission {
  id: EventId;
  event: EventDefinition;
  /** The aggregate's id, and its version after the event. */
  key: string;
  version: number;
  /** When, by the database's clock; ms since 1970. */
  atMs: number;
}

/**
 * Publishes an event when, and only when, the caller's transaction commits: a rollback means that it never happened.
 * Change the aggregate's row first, so that its lock orders the events of one key, and put the version which that change
 * returned into `data`. The trace of the caller, if OpenTelemetry is set up, travels with the event.
 *
 * Within a `TokenScope` the event also says what its writer had seen, and the scope has seen the new version once the
 * transaction has committed (`seenOnCommit`).
 *
 * @param tx the caller's open transaction
 * @returns the event's id
 * @throws the database's error, SQLSTATE ZB001…ZB005, for an event that could not be published; the transaction is then
 *   aborted like after any failed statement
 * @throws BanyanError BANYAN_EVENT_INVALID when `data` lacks the aggregate's id or version; nothing was sent
 */
export async function emit<T>(
  tx: Queryable,
  event: EventDefinition<T>,
  data: T,
  options: EmitOptions = {},
): Promise<EventId> {
  return (await send(tx, event, { data, options, columns: '' })).id;
}

/** The same, and tells when it was, for those who call about the event too. */
export async function emitTimed<T>(
  tx: Queryable,
  event: EventDefinition<T>,
  data: T,
  options: EmitOptions = {},
): Promise<Emission> {
  const { id, atMs = 0 } = await send(tx, event, { data, options, columns: AT });
  return { id, event, key: event.keyOf(data), version: event.versionOf(data), atMs };
}

interface Sending<T> {
  data: T;
  options: EmitOptions;
  /** What else to ask for in the same statement. */
  columns: string;
}

async function send<T>(
  tx: Queryable,
  event: EventDefinition<T>,
  { data, options, columns }: Sending<T>,
): Promise<Emitted> {
  const scope = currentTokens();
  const version = event.versionOf(data);
  const id = event.keyOf(data);
  const { rows } = await tx.query<Emitted>(`${EMIT}${scope === undefined ? '' : EPOCH}${columns}`, [
    event.aggregate,
    id,
    event.type,
    event.encode(data),
    version,
    { ...traceHeaders(), ...tokenHeaders(scope), ...options.headers },
    options.eventId ?? null,
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('banyan.emit returned no row');
  const { source, aggregate } = event;
  scope?.wrote({ source, aggregate, id, version, epoch: row.epoch ?? undefined });
  return row;
}

/** What the writer had seen when it emitted. */
function tokenHeaders(scope: TokenScope | undefined): Record<string, string> {
  const tokens = scope?.writing.encode() ?? '';
  return tokens === '' ? {} : { [TOKEN_HEADER]: tokens };
}

/** The trace that the writer is in, if any (W3C Trace Context): whoever applies the event goes on with it. */
function traceHeaders(): Record<string, string> {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  const { traceparent, tracestate } = carrier;
  if (traceparent === undefined) return {};
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}
