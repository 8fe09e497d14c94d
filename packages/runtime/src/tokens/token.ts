/**
 * What a caller has seen of one aggregate. Written `source/aggregate/id@version`, then `~epoch` and `+atMs` where they are
 * known: `projects/project/p1@7~1+1795410000000`.
 */
export interface SeenToken {
  readonly source: string;
  readonly aggregate: string;
  readonly id: string;
  readonly version: number;
  /** The epoch of the source's history that the version belongs to; undefined: not known. */
  readonly epoch?: number | undefined;
  /** When it was seen at the latest, ms since 1970 by the clock of whoever saw it; undefined: not known. */
  readonly atMs?: number | undefined;
}

const SHAPE =
  /^([a-z][a-z0-9_-]*)\/([^/@]+)\/(.+)@([1-9]\d{0,15})(?:~([1-9]\d{0,8}))?(?:\+([1-9]\d{0,15}))?$/s;

/** Reads a token; undefined if it is none. */
export function readToken(written: string): SeenToken | undefined {
  const match = SHAPE.exec(written);
  if (match === null) return undefined;
  const [, source = '', aggregate = '', id = '', version, epoch, atMs] = match;
  return { source, aggregate, id, version: Number(version), epoch: numberOf(epoch), atMs: numberOf(atMs) };
}

export function writeToken({ source, aggregate, id, version, epoch, atMs }: SeenToken): string {
  const history = epoch === undefined ? '' : `~${epoch}`;
  const time = atMs === undefined ? '' : `+${atMs}`;
  return `${source}/${aggregate}/${id}@${version}${history}${time}`;
}

/** What somebody has seen who has seen both. Of different histories the later counts, whatever the versions are. */
export function laterToken(a: SeenToken, b: SeenToken): SeenToken {
  if (a.epoch !== undefined && b.epoch !== undefined && a.epoch !== b.epoch) return a.epoch > b.epoch ? a : b;
  const epoch = a.epoch ?? b.epoch;
  if (a.version !== b.version) return { ...(a.version > b.version ? a : b), epoch };
  const atMs = a.atMs === undefined || b.atMs === undefined ? undefined : Math.min(a.atMs, b.atMs);
  return { ...a, epoch, atMs: atMs ?? a.atMs ?? b.atMs };
}

function numberOf(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}
