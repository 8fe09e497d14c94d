import { signal } from '@preact/signals';
import { edges } from '../live/live.js';
import { goTo, route } from '../routing/router.js';
import { remember, remembered } from '../session/remembered.js';
import { PLACES } from '../shell/places.js';
import { nextTheme } from '../ui/theme.js';
import { KeySequence, type Command } from './key-sequence.js';

/** Single keys may be switched off: speech input and restless fingers hit them unasked (WCAG 2.1.4). */
export const keysAreOn = signal(remembered('keys') !== 'off');
export const helpIsOpen = signal(false);
export const finderIsOpen = signal(false);
/** What the keys of an edge's page do; null: there is no such page, or nothing to do. */
export const edgeKeys = signal<{ advance: (() => void) | null; back: (() => void) | null } | null>(null);

export const openHelp = (): void => {
  helpIsOpen.value = true;
};

export function switchKeys(on: boolean): void {
  keysAreOn.value = on;
  remember('keys', on ? '' : 'off');
}

/** Returns what ends it. */
export function listenToKeys(): () => void {
  const keys = new KeySequence();
  const onKey = (event: KeyboardEvent): void => {
    if (isOpener(event)) {
      open(event);
      return;
    }
    if (!keysAreOn.value || isTaken(event)) return;
    const command = keys.read(event.key, event.timeStamp);
    if (command === undefined) return;
    event.preventDefault();
    run(command);
  };
  addEventListener('keydown', onKey);
  return () => removeEventListener('keydown', onKey);
}

const isOpener = ({ key, metaKey, ctrlKey }: KeyboardEvent): boolean => key === 'k' && (metaKey || ctrlKey);

function open(event: KeyboardEvent): void {
  event.preventDefault();
  finderIsOpen.value = true;
}

/** Keys belong to what is typed into, to a dialog, and with a modifier to the browser. */
function isTaken({ target, metaKey, ctrlKey, altKey, isComposing }: KeyboardEvent): boolean {
  if (metaKey || ctrlKey || altKey || isComposing || document.querySelector('dialog[open]') !== null)
    return true;
  return (
    target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
  );
}

function run(command: Command): void {
  switch (command.do) {
    case 'go':
      goToPlace(command.key);
      break;
    case 'help':
      openHelp();
      break;
    case 'find':
      finderIsOpen.value = true;
      break;
    case 'theme':
      nextTheme();
      break;
    case 'advance':
    case 'back':
      edgeKeys.value?.[command.do]?.();
      break;
    case 'next-edge':
      goToEdge(1);
      break;
    case 'previous-edge':
      goToEdge(-1);
      break;
  }
}

function goToPlace(key: string): void {
  const place = PLACES.find((each) => each.key === key);
  if (place !== undefined) goTo(place.to);
}

/** From elsewhere to the first, or the last. */
function goToEdge(step: 1 | -1): void {
  const names = edges.value.map(({ edge }) => edge);
  const here = route.value.page === 'edge' ? names.indexOf(route.value.edge) : step === 1 ? -1 : names.length;
  const edge = names[(here + step + names.length) % names.length];
  if (edge !== undefined) goTo({ page: 'edge', edge });
}
