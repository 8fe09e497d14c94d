import type { IconName } from '../ui/icon.js';
import type { Route } from '../routing/route.js';

export interface Place {
  to: Exclude<Route, { page: 'unknown' | 'edge' }>;
  name: string;
  icon: IconName;
  /** After g. */
  key: string;
}

/** The pages, as they stand in the navigation. */
export const PLACES: readonly Place[] = [
  { to: { page: 'map' }, name: 'Map', icon: 'map', key: 'm' },
  { to: { page: 'relays' }, name: 'Relays', icon: 'relay', key: 'r' },
  { to: { page: 'subscribers' }, name: 'Subscribers', icon: 'subscriber', key: 's' },
  { to: { page: 'plan' }, name: 'Plan', icon: 'plan', key: 'p' },
  { to: { page: 'live' }, name: 'Live', icon: 'live', key: 'l' },
];
