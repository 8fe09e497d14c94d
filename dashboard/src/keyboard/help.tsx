import { PLACES } from '../shell/places.js';
import { Dialog } from '../ui/dialog.js';
import { helpIsOpen, keysAreOn, switchKeys } from './shortcuts.js';

const KEYS: readonly (readonly [keys: readonly string[], does: string])[] = [
  [['?'], 'These keys'],
  [['/'], 'Find a page or an edge (or Ctrl K)'],
  ...PLACES.map(({ key, name }) => [['g', key], `To: ${name}`] as const),
  [['[', ']'], 'The edge before, the edge after'],
  [['a'], 'Advance the edge that is shown'],
  [['b'], 'Take the edge that is shown back'],
  [['t'], 'Theme: system, light, dark'],
];

export function Help() {
  if (!helpIsOpen.value) return null;
  return (
    <Dialog
      title="Keyboard shortcuts"
      onClose={() => {
        helpIsOpen.value = false;
      }}
    >
      <dl class="keys">
        {KEYS.map(([keys, does]) => (
          <div key={does}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={keysAreOn.value}
          onChange={({ currentTarget }) => switchKeys(currentTarget.checked)}
        />
        <span>Single keys act</span>
      </label>
    </Dialog>
  );
}
