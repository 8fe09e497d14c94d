import { partsOf } from '../edge/edge-text.js';
import type { LayoutSizes } from './layout.js';

/** Beside each other, with the method and stage of each edge on it. */
export const WIDE: LayoutSizes = {
  node: { width: 204, height: 118 },
  labelOf: (edge) => ({
    width: Math.min(250, Math.max(204, 54 + 7.4 * partsOf(edge).method.length)),
    height: 46,
  }),
  direction: 'LR',
  gap: { edges: 26, ranks: 58 },
};

/** Below each other, for a phone: edges carry a number, the list below has their names. */
export const NARROW: LayoutSizes = {
  node: { width: 190, height: 96 },
  labelOf: () => ({ width: 28, height: 24 }),
  direction: 'TB',
  gap: { edges: 12, ranks: 30 },
};

/** How much of a method's name a label has room for. */
export const LABEL_LETTERS = 26;
