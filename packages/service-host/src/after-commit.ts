import { messageOf, type Logger } from '@banyan/runtime';
import { detached, type CallOrigin } from './call-context.js';

const TIMEOUT_MS = 5_000;

/**
 * Makes the call "I did X, now you do Y" after X was committed. X stands whatever becomes of the call, so a failure is
 * logged and not thrown. This is the guarantee of a plain call, no more: a crash or a failure here loses Y.
 *
 * @param edge which edge is called, e.g. `projects -> tasks.ArchiveProjectTasks`
 * @param call gets an origin with 5 s of its own: a caller who gives up does not take the effect back
 */
export async function afterCommit(
  logger: Logger,
  edge: string,
  call: (origin: CallOrigin) => Promise<unknown>,
): Promise<void> {
  try {
    await call(detached(TIMEOUT_MS));
  } catch (error) {
    logger.error('effect lost', { edge, cause: messageOf(error) });
  }
}
