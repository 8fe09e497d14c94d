import type { Signal } from '@preact/signals';
import { isOperatorName, operatorName, setOperatorName } from '../session/session.js';

const SHORTEST = 3;
const LONGEST = 500;

export const isReason = (text: string): boolean => text.trim().length >= SHORTEST && text.length <= LONGEST;

/** Why it is done, and by whom: both go into the audit with the action. */
export function ReasonField({ reason }: { reason: Signal<string> }) {
  return (
    <>
      <label class="field">
        <span>
          Reason <em>(goes into the audit)</em>
        </span>
        <textarea
          rows={2}
          autofocus
          required
          minLength={SHORTEST}
          maxLength={LONGEST}
          value={reason.value}
          onInput={({ currentTarget }) => {
            reason.value = currentTarget.value;
          }}
        />
      </label>
      <label class="field">
        <span>
          Your name <em>(optional, remembered here)</em>
        </span>
        <input
          type="text"
          maxLength={60}
          autoComplete="nickname"
          placeholder="dashboard"
          aria-invalid={!isOperatorName(operatorName.value)}
          value={operatorName.value}
          onInput={({ currentTarget }) => setOperatorName(currentTarget.value)}
        />
      </label>
    </>
  );
}
