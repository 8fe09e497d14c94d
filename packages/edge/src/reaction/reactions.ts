import type { EventDefinition } from '@banyan/contracts';
import type { ReactionStage, RunningStage } from '@banyan/control';
import { emitTimed, type EmitOptions, type EventId } from '@banyan/outbox';
import { afterCommit, type Queryable } from '@banyan/runtime';
import type { AnyReaction, Planned } from './reaction.js';
import { encodeStamps, STAGE_HEADER } from './stamp.js';

/** Emits within one transaction; see `Effects.emit`. */
export type EmitReacting = <T>(event: EventDefinition<T>, data: T, options?: EmitOptions) => Promise<EventId>;

/** Runs work in a transaction and commits it, e.g. `(work) => inTransaction(pool, context, work)`. */
export type OpenTransaction<Tx, T> = (work: (tx: Tx) => Promise<T>) => Promise<T>;

/** The reactions of a process, in one place, because one event may trigger several. Events that trigger none pass through. */
export function reactions(...edges: readonly AnyReaction[]): Reactions {
  return new Reactions(edges);
}

/** See `reactions`. */
export class Reactions {
  readonly #edges: readonly AnyReaction[];

  constructor(edges: readonly AnyReaction[]) {
    this.#edges = edges;
  }

  /**
   * One transaction and what follows from it: `work` writes and emits, and after the commit the calls are made that the
   * stages ask for. If `open` runs `work` again, only the last time counts; if it throws, nothing is called.
   */
  async transaction<Tx extends Queryable, T>(
    open: OpenTransaction<Tx, T>,
    work: (tx: Tx, emit: EmitReacting) => Promise<T>,
  ): Promise<T> {
    let effects = this.begin();
    const result = await open((tx) => {
      effects = this.begin();
      const now = effects;
      return work(tx, (event, data, options) => now.emit(tx, event, data, options));
    });
    await effects.afterCommit();
    return result;
  }

  /**
   * The same within a transaction that somebody else commits: that of a receiver's effect, or of a subscriber's handler. The
   * calls are made once it is committed.
   *
   * @throws BanyanError BANYAN_NO_TRANSACTION if nobody would make them
   */
  async within<T>(tx: Queryable, work: (emit: EmitReacting) => Promise<T>): Promise<T> {
    const effects = this.begin();
    afterCommit(() => effects.afterCommit());
    return work((event, data, options) => effects.emit(tx, event, data, options));
  }

  /** For transactions that fit into no function: emit through it, commit, then `afterCommit`. One for each transaction. */
  begin(): Effects {
    return new Effects(this.#edges);
  }
}

interface Due {
  planned: Planned;
  emission: Parameters<Planned['afterCommit']>[0];
}

/** The effects of one transaction. The stages are read when it begins, once for all that it emits. */
export class Effects {
  readonly #stages: readonly (readonly [AnyReaction, RunningStage<ReactionStage>])[];
  #due: Due[] = [];

  constructor(edges: readonly AnyReaction[]) {
    this.#stages = edges.map((edge) => [edge, edge.stage.running] as const);
  }

  /**
   * Publishes an event as `emit` of `@banyan/outbox` does, in the caller's transaction: a rollback means that it never
   * happened. The event says at which stage each of its reactions stood.
   *
   * @throws as `emit`
   */
  async emit<T>(
    tx: Queryable,
    event: EventDefinition<T>,
    data: T,
    options: EmitOptions = {},
  ): Promise<EventId> {
    const planned = this.#stages.flatMap(([edge, running]) => edge.plan(event, data, running) ?? []);
    const stamps = encodeStamps(planned.map(({ stamp }) => stamp));
    const headers = { ...options.headers, ...(stamps === '' ? {} : { [STAGE_HEADER]: stamps }) };
    const emission = await emitTimed(tx, event, data, { ...options, headers });
    this.#due.push(...planned.map((each) => ({ planned: each, emission })));
    return emission.id;
  }

  /** Makes the calls that the stages ask for, one after the other. Call it after the commit; it never throws. */
  async afterCommit(): Promise<void> {
    const due = this.#due;
    this.#due = [];
    for (const { planned, emission } of due) await planned.afterCommit(emission);
  }
}
