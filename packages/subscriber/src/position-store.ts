import { PARTITIONS } from '@banyan/contracts';
import { BanyanError, type Queryable } from '@banyan/runtime';
import { escapeLiteral, type ClientBase, type QueryResult } from 'pg';
import type { StoredPosition } from './judge.js';

/** A hint where to go on reading the stream: valid only for the stream created at that time. */
export interface StreamHint {
  created: string;
  /** All up to this sequence is applied. */
  sequence: number;
}

/** A position as read under its lock. */
export interface LockedPosition extends StoredPosition {
  /** Keys of the partition that have something parked or skipped. */
  heldKeys: number;
  /** A later history that an operator has accepted. */
  acceptsEpoch: number | undefined;
}

export type LockedPositions = Map<number, LockedPosition>;

/** A copy of a replica that is filled beside the live one. */
export interface ReplicaCopy {
  /** The replica's table, as its definition names it. */
  replica: string;
  copy: string;
  /** Backfills whose snapshots go into the copy only. */
  backfills: readonly { id: string }[];
}

/** What a transaction finds once it has its locks. */
export interface Begun {
  positions: LockedPositions;
  copies: readonly ReplicaCopy[];
}

const REGISTER = `
with subscription as (
  insert into banyan.subscription (subscriber, source) values ($1, $2) on conflict do nothing returning 1
)
insert into banyan.position (subscriber, source, partition)
select $1, $2, p from subscription, generate_series(0, ${PARTITIONS - 1}) p`;

// A new number of lanes begins at the best that is known of another: all before that lane furthest behind is applied.
const REGISTER_LANES = `
insert into banyan.lane (subscriber, source, lanes, lane, stream_created, stream_sequence)
select $1, $2, $3::smallint, lane, known.created, coalesce(known.sequence, 0)
from generate_series(0, $3 - 1) lane left join (
  select min(stream_created) as created, min(stream_sequence) as sequence from banyan.lane
  where subscriber = $1 and source = $2 group by lanes
  having count(distinct stream_created) = 1 and count(stream_created) = lanes
  order by 2 desc limit 1) known on true
on conflict do nothing`;

const READ_HINT = `
select stream_created, stream_sequence from banyan.lane
where subscriber = $1 and source = $2 and lanes = $3 and lane = $4`;

/** A subscriber's positions in one source, in its own database. */
export class PositionStore {
  readonly #key: [subscriber: string, source: string];
  readonly #lanes: number;
  /** The condition on subscriber and source, for statements that go out together and so take no parameters. */
  readonly #where: string;
  readonly #copies: string;

  constructor(subscriber: string, source: string, lanes: number) {
    this.#key = [subscriber, source];
    this.#lanes = lanes;
    this.#copies = `select replica, copy, backfills from banyan.rebuild
      where subscriber = ${escapeLiteral(subscriber)} and state in ('building', 'ready')`;
    this.#where = `subscriber = ${escapeLiteral(subscriber)} and source = ${escapeLiteral(source)}`;
  }

  /** Makes the rows at the first start. @throws BanyanError BANYAN_SCHEMA_MISSING */
  async register(db: Queryable): Promise<void> {
    const { rows } = await db.query<{ exists: boolean }>(
      `select to_regclass('banyan.rebuild') is not null as exists`,
    );
    if (rows[0]?.exists !== true) {
      const what = `the database of subscriber ${this.#key[0]} lacks tables of the role subscriber`;
      throw new BanyanError('BANYAN_SCHEMA_MISSING', what);
    }
    await db.query(REGISTER, this.#key);
    await db.query(REGISTER_LANES, [...this.#key, this.#lanes]);
  }

  async readHint(db: Queryable, lane: number): Promise<StreamHint | undefined> {
    const values = [...this.#key, this.#lanes, lane];
    const { rows } = await db.query<{ stream_created: string | null; stream_sequence: string }>(
      READ_HINT,
      values,
    );
    const [row] = rows;
    if (row === undefined || row.stream_created === null) return undefined;
    return { created: row.stream_created, sequence: Number(row.stream_sequence) };
  }

  async writeHint(db: ClientBase, lane: number, hint: StreamHint): Promise<void> {
    await db.query(this.#hintSql(lane, hint));
  }

  /**
   * Begins a transaction, keeps every other instance from moving these positions until it ends, and reads them; in one
   * round trip. The row locks are the fence: whoever holds them sees the positions as they are.
   */
  async begin(client: ClientBase, partitions: readonly number[]): Promise<Begun> {
    const rows = `from banyan.position where ${this.#where} and partition in (${partitions.join(', ')})`;
    const accepts = `(select accepts_epoch from banyan.subscription where ${this.#where}) as accepts`;
    // Locking and reading are two statements: a snapshot taken before the lock was had would be stale.
    const results: unknown = await client.query(`begin;
      select ${rows} order by partition for update;
      ${this.#copies};
      select partition, epoch, n, held_keys, ${accepts} ${rows}`);
    const [copies, read] = (results as unknown[]).slice(-2) as [
      QueryResult<ReplicaCopy>,
      QueryResult<PositionRow>,
    ];
    return { positions: new Map(read.rows.map(lockedOf)), copies: copies.rows };
  }

  /** Moves positions and the lane's hint, and commits; in one round trip. */
  async commit(client: ClientBase, moves: PositionMoves): Promise<void> {
    const statements = [this.#moveSql(moves.moved)];
    if (moves.hint !== undefined) statements.push(this.#hintSql(moves.lane, moves.hint));
    await client.query([...statements, 'commit'].filter((each) => each !== '').join('; '));
  }

  #moveSql(moved: ReadonlyMap<number, LockedPosition>): string {
    if (moved.size === 0) return '';
    const rows = [...moved].map(([p, { epoch, n, heldKeys }]) => `(${p}, ${epoch}, ${n}, ${heldKeys})`);
    return `update banyan.position p set epoch = m.epoch, n = m.n, held_keys = m.held
      from (values ${rows.join(', ')}) as m (partition, epoch, n, held)
      where ${this.#where} and p.partition = m.partition`;
  }

  #hintSql(lane: number, { created, sequence }: StreamHint): string {
    return `update banyan.lane set stream_created = ${escapeLiteral(created)}, stream_sequence = ${sequence}
      where ${this.#where} and lanes = ${this.#lanes} and lane = ${lane}`;
  }
}

interface PositionRow {
  partition: number;
  epoch: number;
  n: string;
  held_keys: number;
  accepts: number | null;
}

function lockedOf({
  partition,
  epoch,
  n,
  held_keys: heldKeys,
  accepts,
}: PositionRow): [number, LockedPosition] {
  return [partition, { epoch, n: Number(n), heldKeys, acceptsEpoch: accepts ?? undefined }];
}

/** What a transaction has moved. */
export interface PositionMoves {
  lane: number;
  moved: ReadonlyMap<number, LockedPosition>;
  /** Undefined: leave the hint as it is. */
  hint: StreamHint | undefined;
}
