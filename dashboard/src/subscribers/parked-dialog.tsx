import { countOf } from '../format/number.js';
import { act } from '../session/session.js';
import { ActionDialog } from '../ui/action-dialog.js';
import { notify } from '../ui/notice.js';
import type { ParkedDone, ParkedKeyRow, ParkedRequest } from '../wire.js';

export type ParkedAction = 'retry' | 'skip';

export interface ParkedDialogProps {
  parked: ParkedKeyRow;
  action: ParkedAction;
  onClose: () => void;
  onDone: () => void;
}

const WORDS = {
  retry: { confirm: 'Retry now', busy: 'Asking …', tone: 'primary' },
  skip: { confirm: 'Skip the event', busy: 'Skipping …', tone: 'danger' },
} as const;

/** Asks why, and has the subscriber try the key again, or go on without its first event. */
export function ParkedDialog({ parked, action, onClose, onDone }: ParkedDialogProps) {
  const { subscriber, source, aggregate, key, waiting } = parked;
  const perform = async (reason: string): Promise<void> => {
    const asked: ParkedRequest = { subscriber, source, aggregate, key, reason };
    const done = await act<ParkedDone>(`/parked/${action}`, asked);
    notify(`${aggregate} ${key}: ${outcomeText(action, done)}`);
    onDone();
  };
  return (
    <ActionDialog
      title={`${action === 'retry' ? 'Retry' : 'Skip'} ${aggregate} ${key}`}
      {...WORDS[action]}
      onClose={onClose}
      perform={perform}
    >
      {action === 'retry' ? (
        <p>
          {subscriber} applies the {countOf(waiting, 'event')} that {waiting === 1 ? 'waits' : 'wait'}, in
          order. If the first fails again, the key is parked again.
        </p>
      ) : (
        <p>
          {subscriber} goes on without the first event that waits. What it said is lost to the replica until
          the key is written anew, or the replica rebuilt; its reads count as stale until then.
        </p>
      )}
    </ActionDialog>
  );
}

function outcomeText(action: ParkedAction, { done, skipped = 1 }: ParkedDone): string {
  if (!done) return 'nothing waits any more';
  return action === 'retry' ? 'tried again' : `${countOf(skipped, 'event')} skipped`;
}
