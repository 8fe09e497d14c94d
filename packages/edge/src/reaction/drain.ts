import type { SourcedStage, Stage } from '@banyan/control';
import type { ReactionCall } from './call-metadata.js';

/** How far the receiver's subscriber is for a key; ms since 1970 by the source's clock, undefined: not known. */
export type ReadUpTo = (of: { source: string; key: string }) => number | undefined;

/**
 * Keeps calls from overtaking events after an edge has gone back from `event`. Until the subscriber has everything that was
 * emitted up to `drainMs` after that (processes hear of a change at different times, and clocks differ), calls at `dual` are
 * turned away: their events bring the effects, in order. What is parked holds up the calls of its key for as long.
 */
export class Drain {
  readonly #stage: SourcedStage<'reaction'>;
  readonly #drainMs: number;
  readonly #readUpTo: ReadUpTo;
  #leftEventMs: number | undefined;

  constructor(stage: SourcedStage<'reaction'>, drainMs: number, readUpTo: ReadUpTo) {
    this.#stage = stage;
    this.#drainMs = drainMs;
    this.#readUpTo = readUpTo;
    if (isLeftToEvents(stage.record?.from)) this.#note(Date.parse(stage.running.since));
    stage.onChange((now, before) => {
      if (isLeftToEvents(before.stage) || isLeftToEvents(stage.record?.from))
        this.#note(Date.parse(now.since));
    });
  }

  /** An event came that was written at `event`, by a process that had not heard of the change, or before it. */
  noteEvent(emittedAtMs: number): void {
    this.#note(emittedAtMs);
  }

  /** Whether a call could come before an earlier event of its key. */
  mayOvertake({ stage, change, source, key }: ReactionCall): boolean {
    if (stage !== 'dual' || this.#drainMs === 0) return false;
    const { running } = this.#stage;
    // Its caller knows of a change that is not known here yet: nobody here knows what was before it.
    if (isLeftToEvents(running.stage) || change > running.change) return true;
    if (this.#leftEventMs === undefined) return false;
    const readUpToMs = this.#readUpTo({ source, key });
    return readUpToMs === undefined || readUpToMs < this.#leftEventMs + this.#drainMs;
  }

  #note(ms: number): void {
    this.#leftEventMs = Math.max(this.#leftEventMs ?? 0, ms);
  }
}

const isLeftToEvents = (stage: Stage | undefined): boolean => stage === 'event' || stage === 'retired';
