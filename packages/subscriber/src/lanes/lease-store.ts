import type { ClientBase } from 'pg';
import type { StoredPosition } from '../judge.js';
import type { LaneLease } from './lease-plan.js';

const BEAT = `
insert into banyan.subscriber_instance (subscriber, source, instance, pid, backend_start, expires_at, lanes)
select $1, source, $3, a.pid, a.backend_start, now() + $4 * interval '1 ms', $5
from unnest($2::text[]) source, pg_stat_activity a where a.pid = pg_backend_pid()
on conflict (subscriber, source, instance) do update
set pid = excluded.pid, backend_start = excluded.backend_start, expires_at = excluded.expires_at`;

// A killed process's connections close at once; a frozen one's do not, so that its time has to run out. (Of other users'
// connections the start is hidden.)
const INSTANCES = `
select i.source, i.instance, i.lanes, i.expires_at > now() and exists (
  select from pg_stat_activity a where a.pid = i.pid and (a.backend_start is null or a.backend_start = i.backend_start)
) as alive
from banyan.subscriber_instance i where i.subscriber = $1 and i.source = any($2)`;

const LANES = `
select source, lane, instance from banyan.lane where subscriber = $1 and source = any($2) and lanes = $3 order by lane`;

const POSITIONS = `
select source, array_agg(epoch order by partition) as epochs, array_agg(n order by partition) as ns
from banyan.position where subscriber = $1 and source = any($2) group by source`;

const HELD = `
select k.source, k.aggregate, k.aggregate_id as "aggregateId", k.partition, k.state,
  coalesce(k.next_attempt_at <= now(), false) as due,
  (select min(e.emitted_at) from banyan.parked_event e
   where (e.subscriber, e.source, e.aggregate, e.aggregate_id) = (k.subscriber, k.source, k.aggregate, k.aggregate_id)) as "oldestAt"
from banyan.parked_key k where k.subscriber = $1 and k.source = any($2)`;

// Whoever is asked twice for one lane gives it once: the second finds another's name in the row.
const CLAIM = `
update banyan.lane set instance = $5
where subscriber = $1 and source = $2 and lanes = $3 and lane = any($4) and (instance is null or instance = any($6))
returning lane`;

const RELEASE = `
update banyan.lane set instance = null where subscriber = $1 and source = $2 and lane = any($3) and instance = $4`;

const LEAVE = `
with gone as (delete from banyan.subscriber_instance where subscriber = $1 and instance = $2)
update banyan.lane set instance = null where subscriber = $1 and instance = $2`;

// A frozen process may hold locks in an open transaction: its connections are closed for it.
const BURY = `
with gone as (delete from banyan.subscriber_instance where subscriber = $1 and instance = any($2))
select pg_terminate_backend(pid) from pg_stat_activity
where usename = current_user and datname = current_database() and pid <> pg_backend_pid()
  and exists (select from unnest($2::text[]) dead where starts_with(application_name, 'banyan-subscriber ' || dead || ' '))`;

/** A key that has something parked or skipped. */
export interface HeldKey {
  source: string;
  aggregate: string;
  aggregateId: string;
  partition: number;
  state: 'retrying' | 'parked' | 'skipped';
  /** It is time to try it again. */
  due: boolean;
  /** When its oldest waiting event was emitted; null: none waits. */
  oldestAt: Date | null;
}

/** What one look at the database told of a source. */
export interface SourceView {
  leases: LaneLease[];
  alive: string[];
  dead: string[];
  /** Index is the partition. */
  positions: StoredPosition[];
  held: HeldKey[];
}

/** What a subscriber's instances tell each other, in the subscriber's database. */
export class LeaseStore {
  readonly #subscriber: string;
  readonly #sources: readonly string[];
  readonly #lanes: number;

  constructor(subscriber: string, sources: readonly string[], lanes: number) {
    this.#subscriber = subscriber;
    this.#sources = sources;
    this.#lanes = lanes;
  }

  /** Says that this instance lives, for so long. */
  async beat(db: ClientBase, instance: string, leaseMs: number): Promise<void> {
    await db.query({
      name: 'banyan-beat',
      text: BEAT,
      values: [this.#subscriber, this.#sources, instance, leaseMs, this.#lanes],
    });
  }

  async look(db: ClientBase): Promise<Map<string, SourceView>> {
    const views = new Map<string, SourceView>();
    for (const source of this.#sources)
      views.set(source, { leases: [], alive: [], dead: [], positions: [], held: [] });
    await this.#readInstances(db, views);
    await this.#readLanes(db, views);
    await this.#readState(db, views);
    return views;
  }

  async claim(
    db: ClientBase,
    source: string,
    { lanes, instance, dead }: { lanes: number[]; instance: string; dead: string[] },
  ): Promise<number[]> {
    const values = [this.#subscriber, source, this.#lanes, lanes, instance, dead];
    const { rows } = await db.query<{ lane: number }>(CLAIM, values);
    return rows.map(({ lane }) => lane);
  }

  async release(db: ClientBase, source: string, lanes: number[], instance: string): Promise<void> {
    await db.query(RELEASE, [this.#subscriber, source, lanes, instance]);
  }

  /** Gives everything up. */
  async leave(db: ClientBase, instance: string): Promise<void> {
    await db.query(LEAVE, [this.#subscriber, instance]);
  }

  /** Ends what is left of instances that are gone. */
  async bury(db: ClientBase, instances: readonly string[]): Promise<void> {
    await db.query(BURY, [this.#subscriber, instances]);
  }

  async #readInstances(db: ClientBase, views: Map<string, SourceView>): Promise<void> {
    const { rows } = await db.query<InstanceRow>({
      name: 'banyan-instances',
      text: INSTANCES,
      values: [this.#subscriber, this.#sources],
    });
    for (const { source, instance, lanes, alive } of rows) {
      const view = views.get(source);
      if (!alive) view?.dead.push(instance);
      // Those with another number of lanes have lanes of their own.
      else if (lanes === this.#lanes) view?.alive.push(instance);
    }
  }

  async #readLanes(db: ClientBase, views: Map<string, SourceView>): Promise<void> {
    const { rows } = await db.query<{ source: string; lane: number; instance: string | null }>({
      name: 'banyan-lanes',
      text: LANES,
      values: [this.#subscriber, this.#sources, this.#lanes],
    });
    for (const { source, lane, instance } of rows)
      views.get(source)?.leases.push({ lane, instance: instance ?? undefined });
  }

  /** Positions and held keys must be of one snapshot: a position that has passed a parked event says nothing without it. */
  async #readState(db: ClientBase, views: Map<string, SourceView>): Promise<void> {
    await db.query('begin isolation level repeatable read read only');
    try {
      const values = [this.#subscriber, this.#sources];
      const positions = await db.query<PositionsRow>({ name: 'banyan-positions', text: POSITIONS, values });
      const held = await db.query<HeldKey>({ name: 'banyan-held', text: HELD, values });
      for (const { source, epochs, ns } of positions.rows) {
        views.get(source)?.positions.push(...epochs.map((epoch, i) => ({ epoch, n: Number(ns[i]) })));
      }
      for (const key of held.rows) views.get(key.source)?.held.push(key);
    } finally {
      await db.query('rollback');
    }
  }
}

interface InstanceRow {
  source: string;
  instance: string;
  lanes: number | null;
  alive: boolean;
}

interface PositionsRow {
  source: string;
  epochs: number[];
  ns: string[];
}
