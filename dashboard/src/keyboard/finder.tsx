import { withArrows } from '../edge/edge-text.js';
import { useSignal } from '@preact/signals';
import { edges } from '../live/live.js';
import type { Route } from '../routing/route.js';
import { goTo } from '../routing/router.js';
import { PLACES } from '../shell/places.js';
import { StageBadge } from '../ui/badge.js';
import { Dialog } from '../ui/dialog.js';
import type { EdgeOverview } from '../wire.js';
import { found } from './find.js';
import { finderIsOpen } from './shortcuts.js';

interface Target {
  name: string;
  to: Exclude<Route, { page: 'unknown' }>;
  edge?: EdgeOverview;
}

const close = (): void => {
  finderIsOpen.value = false;
};

/** Goes to whatever is typed the beginning of. */
export function Finder() {
  return finderIsOpen.value ? (
    <Dialog title="Go to" onClose={close}>
      <Choice />
    </Dialog>
  ) : null;
}

function Choice() {
  const typed = useSignal('');
  const at = useSignal(0);
  const shown = found(targets(), ({ name }) => name, typed.value);
  const chosen = shown[Math.min(at.value, shown.length - 1)];
  const onKey = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) at.value = (at.value + step + shown.length) % Math.max(1, shown.length);
    else if (event.key === 'Enter' && chosen !== undefined) arrive(chosen);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        class="finder-input"
        type="text"
        autofocus
        role="combobox"
        aria-label="Page or edge"
        aria-expanded="true"
        aria-controls="finder-list"
        aria-activedescendant={chosen === undefined ? undefined : `found-${shown.indexOf(chosen)}`}
        placeholder="Page or edge"
        autoComplete="off"
        value={typed.value}
        onInput={({ currentTarget }) => {
          typed.value = currentTarget.value;
          at.value = 0;
        }}
        onKeyDown={onKey}
      />
      <ul id="finder-list" class="finder-list" role="listbox" aria-label="Found">
        {shown.map((target, i) => (
          <li
            key={target.name}
            id={`found-${i}`}
            role="option"
            aria-selected={target === chosen}
            onClick={() => arrive(target)}
          >
            <span>{withArrows(target.name)}</span>
            {target.edge !== undefined && <StageBadge edge={target.edge} />}
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p class="muted">Nothing has that name.</p>}
    </>
  );
}

function arrive({ to }: Target): void {
  close();
  goTo(to);
}

function targets(): Target[] {
  const pages = PLACES.map(({ name, to }) => ({ name, to }));
  return [
    ...pages,
    ...edges.value.map((edge) => ({ name: edge.edge, to: { page: 'edge', edge: edge.edge } as const, edge })),
  ];
}
