/** How fresh what a subscriber keeps is. */
export interface Freshness {
  /**
   * Everything that the source committed before this is applied here; ms since 1970 by the source database's clock.
   * Undefined: nothing is known, which counts as stale. Keys that are parked or were skipped are excepted: ask for those by
   * name, and read lists by `listsAsOfMs`.
   */
  asOfMs: number | undefined;
  /** The epoch of the source's history that this was true in; undefined: not known, or of several sources. */
  epoch?: number | undefined;
}

/** What a subscriber tells of its freshness. */
export interface SubscriberFreshness extends Freshness {
  /** The same without exceptions: as old as the oldest event that waits with a parked key. */
  listsAsOfMs: number | undefined;
}

/** What to know the freshness of. */
export interface FreshnessOf {
  /** One source, or all shards of one. Default: all sources, the oldest of them. */
  source?: string;
  /** A key that is read: `project/p1`. Nothing is known of one that is parked or was skipped. */
  key?: string;
}

/** The freshness of one source, for those who watch it. */
export interface SourceFreshness extends SubscriberFreshness {
  source: string;
  /** When the newest heartbeat was true; undefined: none was heard. */
  heartbeatMs: number | undefined;
  /** How old it is now, if this machine's clock is right; undefined: not known. */
  stalenessMs: number | undefined;
  /** Where each partition stands, by its number. */
  positions: readonly { readonly epoch: number; readonly n: number }[];
}

/** The oldest of several; not known if one is not. */
export function oldest(all: readonly (number | undefined)[]): number | undefined {
  let min = Infinity;
  for (const each of all) {
    if (each === undefined) return undefined;
    min = Math.min(min, each);
  }
  return Number.isFinite(min) ? min : undefined;
}
