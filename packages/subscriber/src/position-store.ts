import { PARTITIONS } from '@banyan/contracts';
import { BanyanError, type Queryable } from '@banyan/runtime';
import type { StoredPosition } from './judge.js';

/** A hint where to go on reading the stream: valid only for the stream created at that time. */
export interface StreamHint {
  created: string;
  sequence: number;
}

const REGISTER = `
with subscription as (
  insert into banyan.subscription (subscriber, source) values ($1, $2) on conflict do nothing returning 1
)
insert into banyan.position (subscriber, source, partition)
select $1, $2, p from subscription, generate_series(0, ${PARTITIONS - 1}) p`;

const READ_HINT = `
select stream_created, stream_sequence from banyan.subscription where subscriber = $1 and source = $2`;

// The row lock is the fence among instances: whoever holds it sees the positions as they are, and nobody moves them.
const LOCK = `select from banyan.subscription where subscriber = $1 and source = $2 for update`;

const READ = `select partition, epoch, n from banyan.position where subscriber = $1 and source = $2 order by partition`;

const WRITE = `
update banyan.position p set epoch = moved.epoch, n = moved.n
from unnest($3::smallint[], $4::integer[], $5::bigint[]) as moved (partition, epoch, n)
where p.subscriber = $1 and p.source = $2 and p.partition = moved.partition`;

const WRITE_HINT = `
update banyan.subscription set stream_created = $3, stream_sequence = $4 where subscriber = $1 and source = $2`;

/** A subscriber's positions in one source, in its own database. */
export class PositionStore {
  readonly #key: [subscriber: string, source: string];

  constructor(subscriber: string, source: string) {
    this.#key = [subscriber, source];
  }

  /** Makes the rows at the first start. @throws BanyanError BANYAN_SCHEMA_MISSING */
  async register(db: Queryable): Promise<void> {
    const { rows } = await db.query<{ exists: boolean }>(
      `select to_regclass('banyan.subscription') is not null as exists`,
    );
    if (rows[0]?.exists !== true) {
      throw new BanyanError(
        'BANYAN_SCHEMA_MISSING',
        `the database of subscriber ${this.#key[0]} has no positions table`,
      );
    }
    await db.query(REGISTER, this.#key);
  }

  async readHint(db: Queryable): Promise<StreamHint | undefined> {
    const { rows } = await db.query<{ stream_created: string | null; stream_sequence: string }>(
      READ_HINT,
      this.#key,
    );
    const [row] = rows;
    if (row === undefined || row.stream_created === null) return undefined;
    return { created: row.stream_created, sequence: Number(row.stream_sequence) };
  }

  /** The position of each partition; index is the partition. */
  async read(db: Queryable): Promise<StoredPosition[]> {
    const { rows } = await db.query<{ partition: number; epoch: number; n: string }>(READ, this.#key);
    return rows.map(({ epoch, n }) => ({ epoch, n: Number(n) }));
  }

  /** Reads the positions and keeps every other instance from moving them until `tx` ends. */
  async lock(tx: Queryable): Promise<StoredPosition[]> {
    await tx.query(LOCK, this.#key);
    return this.read(tx);
  }

  /** Moves positions in the caller's transaction: a rollback leaves them where they were. */
  async write(tx: Queryable, moved: ReadonlyMap<number, StoredPosition>, hint: StreamHint): Promise<void> {
    const entries = [...moved];
    if (entries.length > 0) {
      await tx.query(WRITE, [
        ...this.#key,
        entries.map(([partition]) => partition),
        entries.map(([, { epoch }]) => epoch),
        entries.map(([, { n }]) => n),
      ]);
    }
    await tx.query(WRITE_HINT, [...this.#key, hint.created, hint.sequence]);
  }
}
