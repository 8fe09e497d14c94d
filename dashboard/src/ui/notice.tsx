import { signal } from '@preact/signals';
import { Icon } from './icon.js';

interface Notice {
  id: number;
  text: string;
}

const notices = signal<readonly Notice[]>([]);
const SHOWN_MS = 7_000;
let last = 0;

/** Says for some seconds that something was done. */
export function notify(text: string): void {
  const id = ++last;
  notices.value = [...notices.value.slice(-2), { id, text }];
  setTimeout(() => dismiss(id), SHOWN_MS);
}

const dismiss = (id: number): void => {
  notices.value = notices.value.filter((each) => each.id !== id);
};

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, text }) => (
        <div key={id} class="notice">
          <Icon name="check" />
          <span>{text}</span>
          <button type="button" class="button button-quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="cross" size={12} />
          </button>
        </div>
      ))}
    </div>
  );
}
