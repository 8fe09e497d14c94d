import type { ClientBase } from 'pg';
import { COMPUTE } from '../history/recompute.js';

/** Positions to a digest. */
const RANGE = 10_000;

/** A stretch of positions in which stream and database differ. */
export interface RangeDifference {
  fromN: number;
  toN: number;
  /** Messages there, and events that the database computes. */
  inStream: number;
  inDatabase: number;
  /** The first position that differs, with the event id on either side; undefined where there is none. */
  first: { n: number; stream: string | undefined; database: string | undefined };
  /** The worst in the stretch: another event at a position; or a message missing before the stream's end, or at it. */
  kind: 'other-event' | 'missing-inside' | 'missing-at-end';
}

export interface RangeReport {
  ranges: number;
  differences: RangeDifference[];
}

const PREPARE = `
create temp table computed_event (n bigint, event_id uuid) on commit drop;
create temp table streamed_event on commit drop as
select m.n, m.event_id from stream_message m join source s using (epoch)`;

const COMPUTE_ALL = `
insert into computed_event select n, event_id from (${COMPUTE}) computed`;

const BOUNDS = `
select coalesce(min(t.tick), 1) as from_tick, coalesce(max(t.tick), 0) as to_tick,
  coalesce(min(t.first_n), 1) as from_n, coalesce(max(t.first_n + t.events - 1), 0) as to_n
from tick t, source s join epoch e using (epoch)
where t.tick > greatest(e.base_tick, s.retained_after_tick)`;

const DIGESTS = `
with streamed as (
  select (n - 1) / ${RANGE} as range, count(*) as events, md5(string_agg(event_id::text, ',' order by n)) as digest
  from streamed_event where n >= $1 group by 1
), computed as (
  select (n - 1) / ${RANGE} as range, count(*) as events, md5(string_agg(event_id::text, ',' order by n)) as digest
  from computed_event where n >= $1 group by 1
)
select range, coalesce(streamed.events, 0) as in_stream, coalesce(computed.events, 0) as in_database,
  streamed.digest is distinct from computed.digest as differs
from streamed full join computed using (range) order by range`;

const DIFFERENCES = `
select n, s.event_id as stream, c.event_id as database,
  case when s.event_id is not null then 'other-event'
       when n < (select max(n) from streamed_event) then 'missing-inside' else 'missing-at-end' end as kind
from (select * from streamed_event where n between $1 and $2) s
full join (select * from computed_event where n between $1 and $2) c using (n)
where s.event_id is distinct from c.event_id
order by n`;

interface Digest {
  range: string;
  in_stream: string;
  in_database: string;
  differs: boolean;
}

/** Compares by count and digest, stretch by stretch, and looks into those that differ. Uses the table `stream_message`. */
export async function compareRanges(client: ClientBase): Promise<RangeReport> {
  interface Bounds {
    from_tick: string;
    to_tick: string;
    from_n: string;
    to_n: string;
  }
  const { rows } = await client.query<Bounds>(BOUNDS);
  const [bounds] = rows;
  if (bounds === undefined || Number(bounds.to_tick) === 0) return { ranges: 0, differences: [] };
  await client.query(PREPARE);
  await client.query(COMPUTE_ALL, [bounds.from_tick, bounds.to_tick, bounds.from_n, bounds.to_n]);
  const digests = await client.query<Digest>(DIGESTS, [bounds.from_n]);
  const differences: RangeDifference[] = [];
  for (const digest of digests.rows.filter(({ differs }) => differs)) {
    differences.push(...(await lookInto(client, digest)));
  }
  return { ranges: digests.rows.length, differences };
}

const WORST = ['other-event', 'missing-inside', 'missing-at-end'] as const;

async function lookInto(client: ClientBase, digest: Digest): Promise<RangeDifference[]> {
  interface Row {
    n: string;
    stream: string | null;
    database: string | null;
    kind: RangeDifference['kind'];
  }
  const fromN = Number(digest.range) * RANGE + 1;
  const toN = fromN + RANGE - 1;
  const { rows } = await client.query<Row>(DIFFERENCES, [fromN, toN]);
  const [first] = rows;
  const kind = WORST.find((one) => rows.some((row) => row.kind === one));
  if (first === undefined || kind === undefined) return [];
  const { in_stream: inStream, in_database: inDatabase } = digest;
  return [
    {
      fromN,
      toN,
      inStream: Number(inStream),
      inDatabase: Number(inDatabase),
      first: { n: Number(first.n), stream: first.stream ?? undefined, database: first.database ?? undefined },
      kind,
    },
  ];
}
