import { BanyanError, wait } from '@banyan/runtime';
import { type Child } from './child.js';

const POLL_MS = 20;
const TAIL_LINES = 15;

/** A process that ended, or stayed silent, before it was ready. */
export class NotReady extends BanyanError {
  /** What it wrote. */
  readonly log: string;

  constructor(what: string, log: string) {
    const tail = log.trimEnd().split('\n').slice(-TAIL_LINES).join('\n  ');
    super('BANYAN_DEVSTACK', `${what}; it wrote:\n  ${tail === '' ? '(nothing)' : tail}`, {
      remedy: 'Correct what its own words name, then start again.',
    });
    this.log = log;
  }
}

/**
 * Polls until `probe` gives something. A child that does not come up is stopped before this throws.
 *
 * @throws NotReady if it ends first, stays silent for `timeoutMs`, or the signal aborts
 */
export async function untilReady<T>(
  child: Child,
  probe: () => Promise<T | undefined>,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && child.exit === undefined) return value;
    const failure = obstacle(child, performance.now() > deadline ? timeoutMs : undefined, signal);
    if (failure !== undefined) {
      await child.stop();
      throw new NotReady(failure, await child.log());
    }
    await wait(POLL_MS);
  }
}

function obstacle(child: Child, waitedMs: number | undefined, signal: AbortSignal): string | undefined {
  if (child.exit !== undefined) {
    const how = child.exit.signal ?? `exit code ${child.exit.code ?? 'unknown'}`;
    return `${child.name} ended before it was ready (${how})`;
  }
  if (signal.aborted) return `${child.name} was stopped before it was ready`;
  return waitedMs === undefined ? undefined : `${child.name} was not ready within ${waitedMs} ms`;
}
