import { parsePosition, streamOf } from '@banyan/contracts';
import { jetstream, type JetStreamManager, type JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { ClientBase } from 'pg';

/** Messages written to the database at a time. */
const PAGE = 2000;

// What a message's headers say, so that the database can compare it with the outbox, whatever the stream's size. Gone at
// the end of the transaction.
const CREATE = `
create temp table stream_message (
  sequence bigint primary key, epoch integer, n bigint, prev_n bigint, partition smallint, key text, event_id uuid
) on commit drop`;

const INSERT = `
insert into stream_message
select * from unnest($1::bigint[], $2::integer[], $3::bigint[], $4::bigint[], $5::smallint[], $6::text[], $7::uuid[])`;

const READY = `create index on stream_message (event_id); analyze stream_message`;

interface Line {
  sequence: number;
  epoch: number | null;
  n: number | null;
  prevN: number | null;
  partition: number | null;
  key: string;
  eventId: string | null;
}

/**
 * Copies the headers of a source's stream into the temporary table `stream_message` of the caller's transaction; a
 * rollback, like a commit, drops it. What comes into the stream meanwhile is left out. Positions and ids that a message
 * lacks are null: no relay wrote it.
 */
export async function copyStream(
  client: ClientBase,
  connection: { nats: NatsConnection; manager: JetStreamManager },
  source: string,
): Promise<void> {
  await client.query(CREATE);
  let page: Line[] = [];
  for await (const message of readHeaders(connection, streamOf(source))) {
    page.push(lineOf(message));
    if (page.length < PAGE) continue;
    await insert(client, page);
    page = [];
  }
  await insert(client, page);
  await client.query(READY);
}

async function insert(client: ClientBase, page: readonly Line[]): Promise<void> {
  if (page.length === 0) return;
  const columns = ['sequence', 'epoch', 'n', 'prevN', 'partition', 'key', 'eventId'] as const;
  await client.query(
    INSERT,
    columns.map((column) => page.map((line) => line[column])),
  );
}

async function* readHeaders(
  { nats, manager }: { nats: NatsConnection; manager: JetStreamManager },
  stream: string,
): AsyncGenerator<JsMsg> {
  const { state } = await manager.streams.info(stream);
  if (state.messages === 0) return;
  const consumer = await jetstream(nats).consumers.get(stream, { headers_only: true });
  for await (const message of await consumer.consume()) {
    if (message.seq <= state.last_seq) yield message;
    if (message.seq >= state.last_seq || message.info.pending === 0) return;
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function lineOf(message: JsMsg): Line {
  const header = (name: string): string => message.headers?.get(name) ?? '';
  const position = positionIn(header('Banyan-Position'));
  const eventId = header('ce-id');
  const partition = Number(message.subject.split('.').at(-1));
  return {
    sequence: message.seq,
    epoch: position?.epoch ?? null,
    n: position?.n ?? null,
    prevN: positionIn(header('Banyan-Prev'))?.n ?? null,
    partition: Number.isInteger(partition) ? partition : null,
    key: header('ce-partitionkey'),
    eventId: UUID.test(eventId) ? eventId : null,
  };
}

/** A position as written in a header; undefined for anything else. */
export function positionIn(written: string): { epoch: number; n: number } | undefined {
  try {
    return parsePosition(written);
  } catch {
    return undefined;
  }
}
