import { signal, type ReadonlySignal } from '@preact/signals';

/** Whether a media query holds, now and later. */
function matching(query: string): ReadonlySignal<boolean> {
  const list = matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener('change', () => {
    matches.value = list.matches;
  });
  return matches;
}

export const isNarrow = matching('(max-width: 760px)');
export const systemIsDark = matching('(prefers-color-scheme: dark)');
