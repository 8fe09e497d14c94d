import type { Found, StepContext } from '../found.js';
import { lookAtBackfill } from './backfill.js';
import { lookAtMove } from './move.js';
import { lookAtFloor, lookAtReceiver } from './readiness.js';
import { lookAtRehearsal } from './rehearsal.js';
import { lookAtRetire } from './retire.js';

/** Asks the world how a step stands, and what would do it. Changes nothing. */
export function lookAtStep(context: StepContext): Promise<Found> {
  const { action } = context.step;
  switch (action.do) {
    case 'backfill':
      return lookAtBackfill(action, context);
    case 'receive':
      return lookAtReceiver(action, context);
    case 'advance':
    case 'back':
      return lookAtMove(action, context);
    case 'floor':
      return lookAtFloor(action, context);
    case 'rehearse':
      return lookAtRehearsal(action, context);
    case 'retire':
      return lookAtRetire(action, context);
  }
}
