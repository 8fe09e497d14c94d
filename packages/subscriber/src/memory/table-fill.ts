import { silentLogger, BanyanError } from '@banyan/runtime';
import type { ClientBase } from 'pg';
import type { IncomingEvent } from '../incoming-event.js';
import type { StoredPosition } from '../judge.js';
import { ParkedStore } from '../parking/parked-store.js';
import type { StreamHint } from '../position-store.js';
import { Session } from '../session.js';
import type { FillFromTable } from './options.js';

const POSITIONS = `
select partition, epoch, n from banyan.position where subscriber = $1 and source = $2 order by partition`;

// All before the lane furthest behind is applied.
const HINT = `
select min(stream_created) as created, min(stream_sequence) as sequence from banyan.lane
where subscriber = $1 and source = $2 group by lanes
having count(distinct stream_created) = 1 and count(stream_created) = lanes
order by 2 desc limit 1`;

/** Where a source is to be followed from. */
export interface StartOf {
  /** Index is the partition. */
  positions: StoredPosition[];
  hint: StreamHint | undefined;
  /** Events that the table lacks although the positions have passed them: their keys are parked. In order. */
  parked: IncomingEvent[];
}

export interface TableContents {
  rows: readonly Readonly<Record<string, unknown>>[];
  starts: ReadonlyMap<string, StartOf>;
}

/**
 * Reads a table and the positions that it stands for, in one snapshot.
 * @param limit rows to read at most
 * @throws BanyanError BANYAN_REPLICA_INVALID if the subscriber has no positions there
 */
export async function readTable<V>(
  fill: FillFromTable<V>,
  { sources, limit }: { sources: readonly string[]; limit: number },
): Promise<TableContents> {
  const session = await Session.open(
    fill.databaseUrl,
    `banyan-memory-replica ${fill.subscriber}`,
    silentLogger,
  );
  try {
    await session.client.query('begin isolation level repeatable read read only');
    const starts = new Map<string, StartOf>();
    for (const source of sources)
      starts.set(source, await readStart(session.client, fill.subscriber, source));
    const { rows } = await session.client.query<Record<string, unknown>>(
      `select * from (${fill.sql}) as filled limit ${limit}`,
    );
    return { rows, starts };
  } finally {
    await session.close();
  }
}

async function readStart(db: ClientBase, subscriber: string, source: string): Promise<StartOf> {
  const positions = await db.query<{ epoch: number; n: string }>(POSITIONS, [subscriber, source]);
  if (positions.rows.length === 0) {
    const what = `subscriber ${subscriber} has no positions of ${source} in the database that a replica is to be filled from`;
    throw new BanyanError('BANYAN_REPLICA_INVALID', what, {
      remedy: 'Start that subscriber first, or correct its name.',
    });
  }
  const hints = await db.query<{ created: string; sequence: string }>(HINT, [subscriber, source]);
  const [hint] = hints.rows;
  return {
    positions: positions.rows.map(({ epoch, n }) => ({ epoch, n: Number(n) })),
    hint: hint === undefined ? undefined : { created: hint.created, sequence: Number(hint.sequence) },
    parked: await new ParkedStore(subscriber, source).waiting(db),
  };
}
