import { computed, signal } from '@preact/signals';
import { pathOf, routeOf, type Route } from './route.js';

const path = signal(location.pathname);

export const route = computed<Route>(() => routeOf(path.value));

/** Goes to a place in the page; Back leads to where one was. */
export function goTo(place: Exclude<Route, { page: 'unknown' }>): void {
  const to = pathOf(place);
  if (to === path.value) return;
  history.pushState(null, '', to);
  arrive();
  scrollTo(0, 0);
  document.getElementById('main')?.focus({ preventScroll: true });
}

const arrive = (): void => {
  path.value = location.pathname;
};

addEventListener('popstate', arrive);
