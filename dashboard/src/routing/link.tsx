import type { ComponentChildren } from 'preact';
import { pathOf, type Route } from './route.js';
import { goTo, route } from './router.js';

export interface LinkProps {
  to: Exclude<Route, { page: 'unknown' }>;
  class?: string;
  label?: string;
  children: ComponentChildren;
}

/** A true link: it opens in another tab as any does, and without loading anew in this one. */
export function Link({ to, label, children, ...rest }: LinkProps) {
  const path = pathOf(to);
  const here = route.value.page !== 'unknown' && pathOf(route.value) === path;
  return (
    <a
      {...rest}
      href={path}
      aria-current={here ? 'page' : undefined}
      aria-label={label}
      onClick={(event) => follow(event, to)}
    >
      {children}
    </a>
  );
}

/** Leaves to the browser what asks for another tab or window. */
export function follow(event: MouseEvent, to: LinkProps['to']): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  goTo(to);
}
