import { systemClock } from './clock.js';

/** A timer that comes later than this was held up by its own process, in ms. */
const LATE_MS = 100;
const TRIES = 4;

/**
 * Asks others, who are given `waitMs` to answer, and asks anew if this process stood still when that time was over (it was
 * paused, or a turn of the event loop took long): timers come before what has arrived meanwhile, so it may have heard
 * nobody, and would take all of them for absent. Gives up after a few times, with what it heard last.
 */
export async function unlessStalled<T>(waitMs: number, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const startedMs = systemClock.monotonicMs();
    const heard = await ask();
    const lateMs = systemClock.monotonicMs() - startedMs - waitMs;
    if (lateMs <= LATE_MS || tries === TRIES) return heard;
  }
}
