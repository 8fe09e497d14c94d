import type { ClientBase } from 'pg';

/** What the record of a reaction says. */
export interface Recorded {
  outcome: 'done' | 'refused';
  /** Null: too large to be kept. */
  answer: Buffer | null;
}

/** A reaction that came by a call. */
export interface CalledReaction {
  eventId: string;
  emittedAtMs: number;
  /** The event leaves the effect to the call, so it need not be waited for before the record is pruned. */
  passed: boolean;
}

/** What becomes of a call: its effect is to be done, was done, or may not be done because nobody could know any more. */
export type CallAdmission =
  { kind: 'admitted' } | { kind: 'repeated'; recorded: Recorded } | { kind: 'too-old' };

// The conflict waits for the other's transaction. One clock decides what is too old and what is pruned: this database's.
const ADMIT_CALL = `
insert into banyan.reaction_done (edge, event_id, done_by, emitted_at, passed)
select $1, $2, 'call', to_timestamp($3 / 1000.0), $4
where to_timestamp($3 / 1000.0) > clock_timestamp() - $5 * interval '1 ms'
on conflict do nothing`;

const ADMIT_EVENT = `
insert into banyan.reaction_done as r (edge, event_id, done_by, emitted_at, passed)
values ($1, $2, 'event', $3, true)
on conflict (edge, event_id) do update set passed = true where not r.passed
returning xmax = 0 as admitted`;

// In a statement of its own: the conflicting row was committed after the snapshot of the first.
const READ = `select outcome, answer from banyan.reaction_done where edge = $1 and event_id = $2`;

const SETTLE = `update banyan.reaction_done set outcome = $3, answer = $4 where edge = $1 and event_id = $2`;

const PRUNE = `
delete from banyan.reaction_done where ctid = any(array(
  select ctid from banyan.reaction_done
  where edge = $1 and passed and emitted_at < clock_timestamp() - $2 * interval '1 ms'
  order by emitted_at limit $3 for update skip locked))`;

/** The records of one edge's reactions. All but `prune` run in the transaction of the effect. */
export class Admission {
  readonly #edge: string;
  readonly #maxCallAgeMs: number;

  /** @param edge its canonical text */
  constructor(edge: string, maxCallAgeMs: number) {
    this.#edge = edge;
    this.#maxCallAgeMs = maxCallAgeMs;
  }

  async admitCall(tx: ClientBase, { eventId, emittedAtMs, passed }: CalledReaction): Promise<CallAdmission> {
    const values = [this.#edge, eventId, emittedAtMs, passed, this.#maxCallAgeMs];
    if ((await tx.query(ADMIT_CALL, values)).rowCount === 1) return { kind: 'admitted' };
    const { rows } = await tx.query<Recorded>(READ, [this.#edge, eventId]);
    const [recorded] = rows;
    return recorded === undefined ? { kind: 'too-old' } : { kind: 'repeated', recorded };
  }

  /** True if the effect is to be done now; else the call did it, or the event did before. */
  async admitEvent(tx: ClientBase, { eventId, time }: { eventId: string; time: Date }): Promise<boolean> {
    const { rows } = await tx.query<{ admitted: boolean }>(ADMIT_EVENT, [this.#edge, eventId, time]);
    return rows[0]?.admitted === true;
  }

  /** Records how the effect ended; an empty answer is what the record already says. */
  async settle(tx: ClientBase, eventId: string, { outcome, answer }: Recorded): Promise<void> {
    if (outcome === 'done' && answer?.length === 0) return;
    await tx.query(SETTLE, [this.#edge, eventId, outcome, answer]);
  }

  /**
   * Deletes records that nobody can ask for: their event has been worked off, and a call so old is refused.
   *
   * @param marginMs how much older than the oldest call that is taken; covers calls that are under way
   */
  async prune(
    db: Pick<ClientBase, 'query'>,
    { marginMs, limit }: { marginMs: number; limit: number },
  ): Promise<number> {
    const { rowCount } = await db.query(PRUNE, [this.#edge, this.#maxCallAgeMs + marginMs, limit]);
    return rowCount ?? 0;
  }
}
