import { act } from '../session/session.js';
import { ActionDialog } from '../ui/action-dialog.js';
import { notify } from '../ui/notice.js';

export type RunAction = 'pause' | 'resume';

export interface RunDialogProps {
  action: RunAction;
  onClose: () => void;
  onDone: () => void;
}

const WORDS = {
  pause: { title: 'Pause the plan', confirm: 'Pause', busy: 'Pausing …', done: 'The plan pauses' },
  resume: { title: 'Resume the plan', confirm: 'Resume', busy: 'Resuming …', done: 'The plan goes on' },
} as const;

export function RunDialog({ action, onClose, onDone }: RunDialogProps) {
  const { title, confirm, busy, done } = WORDS[action];
  const perform = async (reason: string): Promise<void> => {
    await act(`/plan/${action}`, { reason });
    notify(done);
    onDone();
  };
  return (
    <ActionDialog title={title} confirm={confirm} busy={busy} onClose={onClose} perform={perform}>
      <p>
        {action === 'pause'
          ? 'No further step begins. Edges stay where they are, and one that is being moved ends its move.'
          : 'The next steps begin as soon as they may.'}
      </p>
    </ActionDialog>
  );
}
