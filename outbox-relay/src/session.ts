import { BanyanError, messageOf, type Logger } from '@banyan/runtime';
import pg from 'pg';
import { POINT_AT_SCHEMA, schemaOf } from './shard.js';

/** Advisory lock of a shard's leader: (this, 1 + shard), one source a database. */
const LOCK_CLASS = 6218;

/** How often a leader shows the database that it is alive, in ms, whatever else it does. */
const LIFE_SIGN_INTERVAL_MS = 1000;

/** How long closing the connection may take before it is broken off, in ms. */
const CLOSE_TIMEOUT_MS = 500;

// A leader that is frozen, or cut off from its database, keeps its connection and so its lock. But PostgreSQL notes when
// each session last said something, so a stand-by sees the silence there: no lease to write, no clocks to compare. A server
// process that works is not silent; one that waits for its client to read is. A false alarm does no harm: the chain holds.
const END_SILENT_LEADER = `
select a.pid, pg_terminate_backend(a.pid) as ended,
  round(extract(epoch from clock_timestamp() - a.state_change) * 1000)::integer as silent_ms
from pg_locks l join pg_stat_activity a using (pid)
where l.locktype = 'advisory' and l.classid = ${LOCK_CLASS} and l.objid = $2 and l.objsubid = 2 and l.granted
  and l.database = (select oid from pg_database where datname = current_database())
  and a.state_change < clock_timestamp() - $1 * interval '1 millisecond'
  and (a.state <> 'active' or a.wait_event_type = 'Client')`;

/** A leader's session that a stand-by ended. */
export interface SilentLeader {
  pid: number;
  silentMs: number;
}

// Keepalives free the lock within seconds when the relay's machine vanishes. A commit waits at least as long as any
// writer's: what the relay publishes must never be undone by a crash of the database. The planner is held to the indexes:
// with statistics of an outbox that was just filled or emptied it would sort all of it for every page.
const PREPARE = `
select set_config('synchronous_commit',
    case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end, false),
  set_config('tcp_keepalives_idle', '2', false), set_config('tcp_keepalives_interval', '1', false),
  set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '5000', false),
  set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO', false),
  set_config('statement_timeout', '0', false), set_config('idle_session_timeout', '0', false),
  set_config('jit', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false),
  set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false),
  set_config('enable_sort', 'off', false)`;

/**
 * The relay's one reading connection to a source's database. It holds the leader's lock, so that losing the connection is
 * losing the leadership; nothing is ever retried on another one.
 */
export class Session {
  readonly client: pg.Client;
  readonly #lock: number;
  readonly #logger: Logger;
  #failure: Error | undefined;
  #backendPid: number | undefined;
  #lifeSigns: NodeJS.Timeout | undefined;

  private constructor(client: pg.Client, { shard, logger }: { shard: number; logger: Logger }) {
    this.client = client;
    this.#lock = 1 + shard;
    this.#logger = logger;
    client.on('error', (error) => (this.#failure ??= error));
    client.on('notice', (notice) => this.#onNotice(notice.code, notice.message));
  }

  /** Connects to a source's database, and to the outbox of the given shard. */
  static async open(
    databaseUrl: string,
    application: string,
    { shard, logger }: { shard: number; logger: Logger },
  ): Promise<Session> {
    const client = new pg.Client({
      connectionString: databaseUrl,
      application_name: application,
      keepAlive: true,
      connectionTimeoutMillis: 5000,
    });
    const session = new Session(client, { shard, logger });
    await client.connect();
    await client.query(PREPARE);
    await client.query(POINT_AT_SCHEMA, [schemaOf(shard), false]);
    return session;
  }

  /** Tries to become the shard's leader; false if another relay is. */
  async tryLead(): Promise<boolean> {
    const { rows } = await this.client.query<{ locked: boolean; pid: number }>(
      `select pg_try_advisory_lock(${LOCK_CLASS}, $1) as locked, pg_backend_pid() as pid`,
      [this.#lock],
    );
    this.#backendPid = rows[0]?.pid;
    if (rows[0]?.locked !== true) return false;
    this.#lifeSigns ??= setInterval(() => this.#showLife(), LIFE_SIGN_INTERVAL_MS);
    return true;
  }

  /**
   * Ends the session of a leader that has said nothing to the database for `silenceMs`: it is frozen or cut off. Needs the
   * same database role as the leader, or pg_signal_backend and pg_read_all_stats.
   * @returns whom it ended; undefined if the leader is alive, or there is none
   */
  async endSilentLeader(silenceMs: number): Promise<SilentLeader | undefined> {
    const { rows } = await this.client.query<{ pid: number; ended: boolean; silent_ms: number }>(
      END_SILENT_LEADER,
      [silenceMs, this.#lock],
    );
    const [row] = rows;
    return row?.ended === true ? { pid: row.pid, silentMs: row.silent_ms } : undefined;
  }

  /**
   * Throws if anything said since that this session can no longer be trusted: the connection broke, a pooler swapped the
   * server process under it, or a commit was acknowledged without its wait for a standby.
   */
  check(backendPid?: number): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (backendPid !== undefined && backendPid !== this.#backendPid) {
      throw new BanyanError(
        'BANYAN_POOLING_UNSUPPORTED',
        `the server process changed from ${this.#backendPid ?? '?'} to ${backendPid} within one connection`,
      );
    }
  }

  /** Closes the connection; one that does not answer is broken off, or the relay would wait for it until TCP gives up. */
  async close(): Promise<void> {
    clearInterval(this.#lifeSigns);
    const breakOff = setTimeout(() => this.client.connection.stream.destroy(), CLOSE_TIMEOUT_MS);
    try {
      await this.client.end();
    } catch (error) {
      this.#logger.debug('closing the database connection failed', { error: messageOf(error) });
    } finally {
      clearTimeout(breakOff);
    }
  }

  /**
   * Rounds may pause for longer than stand-bys are patient: while the broker is slow, say. A query that runs is a sign of
   * life itself, and its end is another.
   */
  #showLife(): void {
    if (isBusy(this.client)) return;
    this.client.query('select').catch((error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Error(messageOf(error));
    });
  }

  /** 57014 and 57P01: the wait for a synchronous standby was cancelled, so the commit may not survive a failover. */
  #onNotice(code: string | undefined, message: string | undefined): void {
    if (code !== '57014' && code !== '57P01') return;
    this.#failure ??= new Error(`a commit is not known to be durable: ${message ?? ''}`);
  }
}

/** True while a query runs. What pg's types leave out: it takes one query at a time, and says so here. */
function isBusy(client: pg.Client): boolean {
  return 'readyForQuery' in client && client.readyForQuery === false;
}
