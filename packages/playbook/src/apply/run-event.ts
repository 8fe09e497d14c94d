import type { PlaybookChange } from './run-log.js';

/** What happens while a playbook is applied, as it happens. */
export type RunEvent =
  /** The playbook says something else than when the run began. */
  | { kind: 'changed'; changed: PlaybookChange }
  /** A step's effect is about to be made. */
  | { kind: 'acting'; step: string; why: string }
  /** It is made, and not yet recorded in the run. */
  | { kind: 'acted'; step: string }
  /** `found`: it was so already. */
  | { kind: 'done'; step: string; how: 'walked' | 'found' }
  | { kind: 'waiting'; step: string; missing: string[] }
  | { kind: 'soaking'; step: string; until: string }
  /** Somebody else changed the edge meanwhile; it is looked at again. */
  | { kind: 'overtaken'; step: string; why: string }
  | { kind: 'paused'; by: string }
  | { kind: 'resumed' }
  /** The broker cannot be reached; it is asked again. */
  | { kind: 'away'; why: string };
