import type { EdgeOverview } from '@banyan/control';
import { BanyanError } from '@banyan/runtime';

/** A change that its processes do not follow would look made, and move nothing. @throws BANYAN_STAGE_INVALID */
export function refuseForeign({ edge, processes }: EdgeOverview): void {
  const foreign = processes.find(({ origin }) => origin === 'provider');
  if (foreign === undefined) return;
  throw new BanyanError(
    'BANYAN_STAGE_INVALID',
    `${edge}: ${foreign.instance} has its stage from another flag provider`,
    {
      remedy: 'Change the flag there, or give the edge the process’s own stages.',
    },
  );
}

/** A share of keys that no request has would move nothing, and look as if it had. @throws BANYAN_SHARE_INVALID */
export function refuseKeyless({ edge, rampBy }: EdgeOverview, share: number): void {
  if (share === 100 || rampBy !== null) return;
  throw new BanyanError('BANYAN_SHARE_INVALID', `${edge}: its processes do not name one key to ramp by`, {
    remedy: 'Give the edge the option `ramp: { by, keyOf }` in every process, or advance without --share.',
  });
}
