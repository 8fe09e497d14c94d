import { BanyanError } from '@banyan/runtime';
import { checkShare, type Ramp } from './ramp.js';
import { planAdvance, planBack, type Ladder, type Stage } from './stage.js';

/** Where an edge stands. */
export interface Standing {
  ladder: Ladder;
  stage: Stage;
  /** The ramp in force; null: all keys run `stage`. */
  ramp: Ramp | null;
}

/** What was asked for. */
export interface WantedMove {
  to?: string | undefined;
  /** Percent of the keys. */
  share?: number | undefined;
}

/** A move as a change records it. */
export interface ShareMove {
  stage: Stage;
  from: Stage;
  /** 100: all keys. */
  share: number;
}

/**
 * Where an advance leads: to the next stage up, for all keys or a share of them; while a share is in force, to a larger
 * share of the same stage.
 *
 * @throws BANYAN_STAGE_INVALID as `planAdvance`, or if `to` names another stage than the one being ramped
 * @throws BANYAN_SHARE_INVALID if the share is none, or not above the one in force
 */
export function planShareUp({ ladder, stage, ramp }: Standing, { to, share = 100 }: WantedMove): ShareMove {
  checkShare(share);
  if (ramp === null) return { stage: planAdvance({ ladder, from: stage, to }), from: stage, share };
  if (to !== undefined && to !== stage) {
    throw new BanyanError('BANYAN_STAGE_INVALID', `${stage} is at ${ramp.share} %: complete it before ${to}`);
  }
  if (share <= ramp.share) throw notBeyond(share, 'above', ramp.share);
  return { stage, from: ramp.from, share };
}

/**
 * Where going back leads: to a smaller share of the same stage if a share is wanted; else to the stage below, or to any
 * lower one if `to` names it. While a share is in force the stage below is the one that the other keys run.
 *
 * @throws BANYAN_STAGE_INVALID as `planBack`
 * @throws BANYAN_SHARE_INVALID if the share is none, or not below the one in force
 */
export function planShareDown({ ladder, stage, ramp }: Standing, { to, share }: WantedMove): ShareMove {
  const base = planBack({ ladder, from: stage, to: to ?? ramp?.from });
  if (share === undefined) return { stage: base, from: stage, share: 100 };
  checkShare(share);
  if (share >= (ramp?.share ?? 100)) throw notBeyond(share, 'below', ramp?.share ?? 100);
  if (ramp !== null && base !== ramp.from) {
    throw new BanyanError(
      'BANYAN_STAGE_INVALID',
      `the other keys run ${ramp.from}: go to ${base} without a share`,
    );
  }
  return { stage, from: base, share };
}

function notBeyond(share: number, side: 'above' | 'below', inForce: number): BanyanError {
  return new BanyanError('BANYAN_SHARE_INVALID', `${share} % is not ${side} the ${inForce} % in force`);
}
