import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { wait } from '@banyan/runtime';
import pg from 'pg';

/** Its own outbox, as most write it by hand. */
export const PEER_TABLE = `
create table peer_outbox (
  id bigint generated always as identity primary key, event_id uuid not null, subject text not null, payload bytea not null
)`;

const NEXT = `
select id, event_id, subject, payload from peer_outbox order by id limit 100 for update skip locked`;

/** How long it waits when it found nothing, in ms: what it takes to reach the latency of a few ms. */
const POLL_MS = 5;

/**
 * The relay that most teams write first: takes rows with FOR UPDATE SKIP LOCKED, publishes each and awaits it, deletes
 * them. At least once: a crash before its commit publishes them again.
 */
export async function runRowByRow(databaseUrl: string, natsUrl: string): Promise<never> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  const stream = jetstream(await connect({ servers: natsUrl }));
  interface Row {
    id: string;
    event_id: string;
    subject: string;
    payload: Buffer;
  }
  for (;;) {
    await client.query('begin');
    const { rows } = await client.query<Row>(NEXT);
    for (const row of rows) {
      await stream.publish(row.subject, row.payload, { msgID: row.event_id });
      await client.query('delete from peer_outbox where id = $1', [row.id]);
    }
    await client.query('commit');
    if (rows.length === 0) await wait(POLL_MS);
  }
}
