import { BanyanError, wait, writeToken, type TimedToken } from '@banyan/runtime';
import type { Mark, Needed } from '../tokens/edge-tokens.js';
import type { EdgeReplica } from './replica.js';
import type { ReplicaAnswer, ReplicaReader } from './replica-reader.js';

/** How often it is looked whether a token is kept by now, in ms. */
const POLL_MS = 10;
/** How long a replica is left to wait by itself before the other ways of keeping a token are looked at, in ms. */
const SLICE_MS = 200;

export interface TokenReaderParts<Request, Response> {
  edge: string;
  replica: EdgeReplica<Request, Response>;
  reader: ReplicaReader<Request, Response>;
  versionOf: (response: Response) => number | undefined;
  /** How far a replica must be past the time at which something was seen to have it for certain, in ms. */
  settleMs: number;
}

export interface ReadWithin {
  /** For all of it. */
  timeoutMs: number;
  /** For a replica that is behind, out of that. */
  waitMs: number;
}

/** One read, while it is under way. */
interface Reading<Request> {
  request: Request;
  keyed: boolean;
  /** When waiting ends, by the monotonic clock. */
  untilMs: number;
}

/**
 * Reads a replica no older than what its caller has seen. A replica keeps a token
 * - if it has the version or a later one; where the answer itself shows that, nothing else is asked;
 * - if it has everything up to some time after the token was seen: what it names is in there, or never came to be;
 * - if it follows a later history of the source: what did not survive into that is nowhere.
 */
export class TokenReader<Request, Response> {
  readonly #parts: TokenReaderParts<Request, Response>;

  constructor(parts: TokenReaderParts<Request, Response>) {
    this.#parts = parts;
  }

  /** An answer within the staleness budget that is no older than what is needed. Never throws. */
  async read(
    request: Request,
    needed: Needed | undefined,
    { timeoutMs, waitMs }: ReadWithin,
  ): Promise<ReplicaAnswer<Response>> {
    const { reader } = this.#parts;
    if (needed === undefined) return reader.fresh(request, timeoutMs);
    const startedMs = performance.now();
    const leftMs = (): number => timeoutMs - (performance.now() - startedMs);
    const lacking = needed.marks.filter((mark) => !this.#isSettled(request, mark));
    if (lacking.length > 0) {
      const ahead = this.#otherHistory(request, lacking);
      if (ahead !== undefined) return ahead;
      const answer = needed.keyed ? await reader.fresh(request, timeoutMs) : undefined;
      if (answer !== undefined && (answer.kind === 'failed' || shows(this.#versionIn(answer), lacking)))
        return answer;
      const reading = { request, keyed: needed.keyed, untilMs: startedMs + Math.min(waitMs, timeoutMs) };
      const behind = await this.#untilKept(reading, lacking);
      if (behind !== undefined) return behind;
    }
    return reader.fresh(request, leftMs());
  }

  /** Versions of different histories cannot be compared. */
  #otherHistory(request: Request, lacking: readonly Mark[]): ReplicaAnswer<never> | undefined {
    const epoch = this.#freshness(request)?.epoch;
    const ahead = lacking.find(({ token }) => isLater(token?.epoch, epoch));
    if (ahead === undefined) return undefined;
    const what = `the replica of ${this.#parts.edge} follows epoch ${epoch}, its caller has seen ${written(ahead)}`;
    return { kind: 'failed', reason: 'epoch', cause: new BanyanError('BANYAN_REPLICA_EPOCH', what) };
  }

  async #untilKept(
    reading: Reading<Request>,
    lacking: readonly Mark[],
  ): Promise<ReplicaAnswer<never> | undefined> {
    const kept = await Promise.all(lacking.map((mark) => this.#waitFor(reading, mark)));
    const missed = lacking.find((_mark, i) => kept[i] !== true);
    if (missed === undefined) return undefined;
    const what = `the replica of ${this.#parts.edge} has not reached ${written(missed)}, which its caller has seen`;
    return { kind: 'failed', reason: 'token', cause: new BanyanError('BANYAN_REPLICA_BEHIND', what) };
  }

  async #waitFor(reading: Reading<Request>, mark: Mark): Promise<boolean> {
    while (!this.#isSettled(reading.request, mark)) {
      const leftMs = reading.untilMs - performance.now();
      if (leftMs <= 0) return false;
      const sliceMs = Math.min(SLICE_MS, leftMs);
      const { token } = mark;
      if (token !== undefined && (await this.#reaches(reading, token, sliceMs))) return true;
      await wait(Math.min(POLL_MS, Math.max(0, reading.untilMs - performance.now())));
    }
    return true;
  }

  /** True if the replica has the version by now; a replica that can tell may wait for it. */
  async #reaches(
    { request, keyed }: Reading<Request>,
    token: TimedToken,
    timeoutMs: number,
  ): Promise<boolean> {
    const { replica, reader } = this.#parts;
    if (replica.reaches !== undefined) return reachedBy(replica.reaches(bare(token), { timeoutMs }));
    if (!keyed) return false;
    const answer = await reader.any(request, timeoutMs);
    return shows(this.#versionIn(answer), [{ token, atMs: token.atMs }]);
  }

  #versionIn(answer: ReplicaAnswer<Response>): number {
    return answer.kind === 'found' ? (this.#parts.versionOf(answer.response) ?? 0) : 0;
  }

  /** It is there for certain, or will never be. */
  #isSettled(request: Request, { atMs, token }: Mark): boolean {
    const freshness = this.#freshness(request);
    if (freshness?.asOfMs === undefined) return false;
    return freshness.asOfMs >= atMs + this.#parts.settleMs || isLater(freshness.epoch, token?.epoch);
  }

  #freshness(request: Request): ReturnType<EdgeReplica<Request, Response>['freshness']> | undefined {
    try {
      return this.#parts.replica.freshness(request);
    } catch {
      return undefined;
    }
  }
}

/** All of it is versions of what the answer shows, and none is later. */
function shows(version: number, marks: readonly Mark[]): boolean {
  return marks.every(({ token }) => token !== undefined && version >= token.version);
}

function isLater(epoch: number | undefined, than: number | undefined): boolean {
  return epoch !== undefined && than !== undefined && epoch > than;
}

function written({ token, atMs }: Mark): string {
  return token === undefined
    ? `what was seen up to ${new Date(atMs).toISOString()}`
    : writeToken({ ...token, atMs: undefined });
}

/** As replicas take it: aggregate and version. */
function bare({ source, aggregate, id, version }: TimedToken): string {
  return writeToken({ source, aggregate, id, version });
}

/** Who keeps no versions of it cannot tell, nor can a database that is away. */
async function reachedBy(asked: Promise<{ reached: boolean }>): Promise<boolean> {
  try {
    return (await asked).reached;
  } catch {
    return false;
  }
}
