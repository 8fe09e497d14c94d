/** Who holds a lane, as read. */
export interface LaneLease {
  lane: number;
  /** Undefined: free. */
  instance: string | undefined;
}

export interface LeasePlan {
  /** Lanes to ask for, because they are free or their holders are gone. */
  claim: number[];
  /** Lanes to give up, because others have less than their share. */
  release: number[];
}

/**
 * What one instance does to have its fair share, and no more, of the lanes. Everyone decides for itself and from the same
 * rows: the shares add up to the number of lanes, so the plans meet.
 *
 * @param alive the instances that take part, this one among them
 */
export function planLeases(leases: readonly LaneLease[], me: string, alive: readonly string[]): LeasePlan {
  const share = shareOf(leases.length, me, alive);
  const mine = leases.filter(({ instance }) => instance === me).map(({ lane }) => lane);
  const free = leases
    .filter(({ instance }) => instance === undefined || !alive.includes(instance))
    .map(({ lane }) => lane);
  return { claim: free.slice(0, Math.max(0, share - mine.length)), release: mine.slice(share) };
}

function shareOf(lanes: number, me: string, alive: readonly string[]): number {
  const rank = [...alive].sort().indexOf(me);
  const [each, rest] = [Math.floor(lanes / alive.length), lanes % alive.length];
  return each + (rank < rest ? 1 : 0);
}
