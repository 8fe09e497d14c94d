/** Positions n of one epoch, both included. */
export interface PositionRange {
  fromN: number;
  toN: number;
}

/**
 * What would mend it.
 * - `nothing`: there is nothing to mend
 * - `relay`: the relay publishes what is missing at the stream's end by itself
 * - `ranges`: messages inside are missing; readers get them from the range service (see `banyan relay repair`)
 * - `decision`: the stream holds other events than the database; see docs/histories.md
 */
export type Repair = 'nothing' | 'relay' | 'ranges' | 'decision';

/** A stretch of positions in which stream and database differ. */
export interface AuditDifference extends PositionRange {
  /** Messages there, and events that the database computes. */
  inStream: number;
  inDatabase: number;
  /** The first position that differs, with the event id on either side; absent where there is none. */
  first: { n: number; stream?: string; database?: string };
}

/** How a source's stream compares, position by position, with what its database computes from the retained outbox. */
export interface StreamAudit extends PositionRange {
  source: string;
  epoch: number;
  /** Positions compared: those that the database could compute. */
  compared: number;
  /** Positions that it could not: their rows have left the outbox. */
  notRetained: number;
  /** Messages of this epoch at the positions compared. */
  messages: number;
  missingInside: number;
  missingAtEnd: number;
  /** Positions that hold another event than the database has there. */
  otherEvents: number;
  /** Messages with no position, or with one that does not rise: no relay of this history wrote them. */
  strangers: number;
  /** Messages whose `Banyan-Prev` is not the position before them in their partition. */
  brokenLinks: number;
  /** SHA-256 over the event ids in the order of their positions. */
  digests: { stream: string; database: string };
  /** Stretches of up to 10,000 positions: how many, how many differ, and the first hundred of those. */
  stretches: number;
  differing: number;
  differences: AuditDifference[];
  /** What is missing inside the stream, the first thousand ranges of it. */
  holes: PositionRange[];
  repair: Repair;
  tookMs: number;
}

/** True when stream and database hold the same events at the same positions. */
export function isSound(audit: Pick<StreamAudit, 'differing' | 'strangers' | 'brokenLinks'>): boolean {
  return audit.differing + audit.strangers + audit.brokenLinks === 0;
}
