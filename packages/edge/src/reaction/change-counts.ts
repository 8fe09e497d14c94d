import type { ReactionStage, RunningStage } from '@banyan/control';

type Running = Pick<RunningStage<ReactionStage>, 'change' | 'changeId' | 'stage'>;

const MAX_CHANGES = 16;

/** Counts per change of an edge's stage; the last 16 changes since the process started. */
export class ChangeCounts<T extends object> {
  readonly #none: () => T;
  readonly #counts = new Map<string, Running & { counts: T }>();

  constructor(none: () => T) {
    this.#none = none;
  }

  /** The counts of a change, to be raised in place. */
  of({ change, changeId, stage }: Running): T {
    const key = `${change} ${changeId}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known.counts;
    const counts = this.#none();
    this.#counts.set(key, { change, changeId, stage, counts });
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > MAX_CHANGES && oldest !== undefined) this.#counts.delete(oldest);
    return counts;
  }

  /** Copies, oldest change first. */
  all(): (Running & { counts: T })[] {
    return [...this.#counts.values()].map((each) => ({ ...each, counts: structuredClone(each.counts) }));
  }
}
