import type { FileRegistry } from '@bufbuild/protobuf';
import { hasNoSideEffects } from '@banyan/contracts/descriptors';
import { BanyanError } from '@banyan/runtime';

export interface DeclaredMethod {
  edge: string;
  method: { path: string };
  /** The edge's owner vouches for it. */
  sideEffectFree: boolean;
  /** Where the method's declaration is found. */
  descriptors: FileRegistry | undefined;
}

/**
 * Probes ask what nobody wanted to know: for them the owner's word is not enough.
 *
 * @throws BANYAN_OPTION_INVALID for a method that is not declared to have no side effects
 */
export function refuseProbedSideEffects({
  edge,
  method,
  descriptors,
}: Omit<DeclaredMethod, 'sideEffectFree'>): void {
  if (hasNoSideEffects(method.path, descriptors)) return;
  throw new BanyanError('BANYAN_OPTION_INVALID', `${edge} cannot probe ${method.path}`, {
    remedy: 'Declare `option idempotency_level = NO_SIDE_EFFECTS;` on the method, or leave `probes` out.',
  });
}

/** @throws BANYAN_OPTION_INVALID for a method that may have side effects */
export function refuseSideEffects({ edge, method, sideEffectFree, descriptors }: DeclaredMethod): void {
  if (sideEffectFree || hasNoSideEffects(method.path, descriptors)) return;
  throw new BanyanError('BANYAN_OPTION_INVALID', `${edge}: ${method.path} is not declared NO_SIDE_EFFECTS`, {
    remedy:
      'Declare `option idempotency_level = NO_SIDE_EFFECTS;` on the method, or set sideEffectFree: true.',
  });
}
