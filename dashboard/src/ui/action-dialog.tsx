import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { problemIn, type Problem } from '../api/problem.js';
import { isOperatorName, operatorName } from '../session/session.js';
import { Button } from './button.js';
import { Dialog } from './dialog.js';
import { isReason, ReasonField } from './reason-field.js';
import { Failure } from './state.js';

export interface ActionDialogProps {
  title: string;
  /** What will happen. */
  children: ComponentChildren;
  confirm: string;
  busy: string;
  tone?: 'primary' | 'danger';
  /** Why it cannot be done as it stands; undefined: it can. */
  refused?: string | undefined;
  onClose: () => void;
  /** Does it; what it throws is shown, and the dialog stays. */
  perform: (reason: string) => Promise<void>;
}

/** Asks for the reason, does what was asked, and says what became of it. */
export function ActionDialog({
  title,
  children,
  confirm,
  busy,
  tone = 'primary',
  refused,
  onClose,
  perform,
}: ActionDialogProps) {
  const reason = useSignal('');
  const acting = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const hindrance =
    refused ??
    (isOperatorName(operatorName.value) ? undefined : 'A name has Latin letters, digits and . _ @ + -');
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (acting.value || !isReason(reason.value) || hindrance !== undefined) return;
    acting.value = true;
    problem.value = null;
    try {
      await perform(reason.value.trim().replaceAll(/\s+/g, ' '));
      onClose();
    } catch (error) {
      problem.value = problemIn(error);
    } finally {
      acting.value = false;
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void send(event)}>
        <div class="dialog-body">
          {children}
          <ReasonField reason={reason} />
          {problem.value !== null && <Failure problem={problem.value} />}
        </div>
        <footer class="dialog-foot">
          {hindrance !== undefined && <p class="muted">{hindrance}</p>}
          <Button onClick={onClose}>Cancel</Button>
          <Button
            submit
            tone={tone}
            disabled={acting.value || !isReason(reason.value) || hindrance !== undefined}
          >
            {acting.value ? busy : confirm}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
