import { computed, effect, signal } from '@preact/signals';
import { remember, remembered } from '../session/remembered.js';
import { systemIsDark } from './media.js';

const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const known = THEMES.find((each) => each === remembered('theme'));

/** What the user chose. */
export const theme = signal<Theme>(known ?? 'system');

/** What is shown: charts are drawn anew when it changes. */
export const shownTheme = computed(() => {
  if (theme.value !== 'system') return theme.value;
  return systemIsDark.value ? 'dark' : 'light';
});

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system';
}

effect(() => {
  const chosen = theme.value === 'system' ? '' : theme.value;
  remember('theme', chosen);
  if (chosen === '') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = chosen;
});
