import { BanyanError, Wakeup } from '@banyan/runtime';
import pg from 'pg';
import { isShardOf } from '../handler-table.js';
import type { SourceLanes } from '../lanes/source-lanes.js';
import type { Replica } from '../replica/replica.js';
import { parseToken, type Token } from './token.js';

/** What became of waiting. `parked`: its key is held up by an event that fails, or went on without some of its events. */
export type TokenWait = { reached: true } | { reached: false; because: 'timeout' | 'parked' };

export interface WaitOptions {
  /** How long to wait at most. */
  timeoutMs: number;
}

/** How often to look at the database for what another instance applied, in ms. */
const LOOK_MS = 25;

export interface TokenWaitParts {
  databaseUrl: string;
  replicas: readonly Replica[];
  sources: readonly SourceLanes[];
}

/** Waits until what is kept here is as new as what a caller has seen, whichever instance brings it. */
export class TokenWaiter {
  readonly #parts: TokenWaitParts;
  readonly #waiting = new Set<Wakeup>();
  #pool: pg.Pool | undefined;

  constructor(parts: TokenWaitParts) {
    this.#parts = parts;
  }

  /** Something was applied here: those who wait look again. */
  ring(): void {
    for (const wakeup of this.#waiting) wakeup.ring();
  }

  /** @throws BanyanError BANYAN_TOKEN_INVALID also if nothing here keeps versions of its aggregate */
  async wait(written: string, { timeoutMs }: WaitOptions): Promise<TokenWait> {
    const isReached = this.#testOf(parseToken(written), written);
    const deadlineMs = performance.now() + timeoutMs;
    const wakeup = new Wakeup();
    this.#waiting.add(wakeup);
    try {
      for (;;) {
        if (await isReached()) return { reached: true };
        const leftMs = deadlineMs - performance.now();
        if (leftMs <= 0) return { reached: false, because: this.#isHeld(written) ? 'parked' : 'timeout' };
        await wakeup.sleep(Math.min(LOOK_MS, leftMs));
      }
    } finally {
      this.#waiting.delete(wakeup);
    }
  }

  async close(): Promise<void> {
    await this.#pool?.end();
  }

  #testOf(token: Token, written: string): () => Promise<boolean> {
    if (token.of === 'position') return () => this.#hasPosition(token);
    const replica = this.#parts.replicas.find(({ handlers, options }) =>
      handlers.some(
        ({ source, aggregate }) =>
          options.version !== undefined && aggregate === token.aggregate && isShardOf(token.source, source),
      ),
    );
    if (replica !== undefined) return () => this.#hasVersion(replica, token);
    const what = `no replica here keeps versions of ${token.source}/${token.aggregate}; ${written} cannot be waited for`;
    throw new BanyanError('BANYAN_TOKEN_INVALID', what);
  }

  async #hasVersion(replica: Replica, { id, version }: Token & { of: 'version' }): Promise<boolean> {
    const { rows } = await this.#connected().query<{ version: string | null }>(replica.readVersionSql, [
      id,
      replica.options.table,
    ]);
    return Number(rows[0]?.version ?? 0) >= version;
  }

  /** Positions are looked at by all instances all the time anyway. */
  #hasPosition({ source, epoch, n, partition }: Token & { of: 'position' }): Promise<boolean> {
    const found = this.#parts.sources.find((each) => each.source === source);
    if (found === undefined)
      throw new BanyanError('BANYAN_TOKEN_INVALID', `${source} is not among the sources read here`);
    const position = found.freshness.positions[partition];
    return Promise.resolve(position?.epoch === epoch && position.n >= n);
  }

  #isHeld(written: string): boolean {
    const token = parseToken(written);
    if (token.of === 'position') return false;
    const key = `${token.aggregate}/${token.id}`;
    return this.#parts.sources.some(
      ({ source, freshness }) => isShardOf(source, token.source) && freshness.isHeld(key),
    );
  }

  #connected(): pg.Pool {
    if (this.#pool === undefined) {
      this.#pool = new pg.Pool({ connectionString: this.#parts.databaseUrl, max: 2 });
      // A connection that waits in the pool hears of it when the server stops.
      this.#pool.on('error', () => undefined);
    }
    return this.#pool;
  }
}
