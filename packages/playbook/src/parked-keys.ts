import { BanyanError, messageOf } from '@banyan/runtime';
import pg from 'pg';

/** A key that is set aside, as the view `banyan.parked` shows it. */
export interface ParkedKey {
  subscriber: string;
  source: string;
  aggregate: string;
  aggregateId: string;
  /** retrying: tried again by itself. parked: waits for a person. skipped: goes on without some of its events. */
  state: 'retrying' | 'parked' | 'skipped';
  attempts: number;
  lastError: string | null;
  nextAttemptAt: Date | null;
  since: Date;
  /** Events that wait. */
  events: number;
  /** Type and position of the first of them. */
  type: string | null;
  position: string | null;
}

/** An event that waits. */
export interface ParkedEvent {
  position: string;
  type: string;
  eventId: string;
  version: string | null;
  emittedAt: Date;
  payloadBytes: number;
}

/** Which keys are meant; what is undefined does not matter. */
export interface KeyFilter {
  subscriber: string | undefined;
  source: string | undefined;
  aggregate?: string;
  aggregateId?: string;
}

const LIST = `
select subscriber, source, aggregate, aggregate_id as "aggregateId", state, attempts, last_error as "lastError",
  next_attempt_at as "nextAttemptAt", since, events, type, epoch || '.' || first_n as position
from banyan.parked
where subscriber = coalesce($1, subscriber) and source = coalesce($2, source)
  and aggregate = coalesce($3, aggregate) and aggregate_id = coalesce($4, aggregate_id)
order by since, source, aggregate, aggregate_id`;

const EVENTS = `
select epoch || '.' || n as position, type, event_id as "eventId", version, emitted_at as "emittedAt",
  octet_length(payload) as "payloadBytes"
from banyan.parked_event
where (subscriber, source, aggregate, aggregate_id) = ($1, $2, $3, $4) order by epoch, n limit 100`;

const RETRY = `select banyan.retry_parked($1, $2, $3, $4) as asked`;

const SKIP = `select banyan.skip_parked($1, $2, $3, $4, $5, $6, $7) as skipped`;

const FORGET = `select banyan.forget_skipped($1, $2, $3, $4, $5, $6) as forgotten`;

/** The parked keys of a subscriber's database. */
export class ParkedKeys {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  /** @throws BanyanError BANYAN_DATABASE_UNREACHABLE, BANYAN_SCHEMA_MISSING */
  static async open(databaseUrl: string): Promise<ParkedKeys> {
    const client = new pg.Client({
      connectionString: checkedDatabaseUrl(databaseUrl),
      application_name: 'banyan parked',
      connectionTimeoutMillis: 5000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      throw new BanyanError('BANYAN_DATABASE_UNREACHABLE', messageOf(error), { cause: error });
    }
    const { rows } = await client.query<{ there: boolean }>(
      `select to_regclass('banyan.parked') is not null as there`,
    );
    if (rows[0]?.there === true) return new ParkedKeys(client);
    await client.end();
    throw new BanyanError('BANYAN_SCHEMA_MISSING', 'the database has no view banyan.parked');
  }

  /** Those that keep their positions in this database. */
  async subscribers(): Promise<string[]> {
    const { rows } = await this.#client.query<{ subscriber: string }>(
      'select distinct subscriber from banyan.subscription order by 1',
    );
    return rows.map(({ subscriber }) => subscriber);
  }

  close(): Promise<void> {
    return this.#client.end();
  }

  async list(filter: KeyFilter): Promise<ParkedKey[]> {
    const { subscriber, source, aggregate, aggregateId } = filter;
    const values = [subscriber, source, aggregate, aggregateId];
    return (await this.#client.query<ParkedKey>(LIST, values)).rows;
  }

  /** The first hundred that wait. */
  async events(key: ParkedKey): Promise<ParkedEvent[]> {
    return (await this.#client.query<ParkedEvent>(EVENTS, nameOf(key))).rows;
  }

  /** Asks the running subscriber to try again now. False: nothing waits. */
  async retry(key: ParkedKey): Promise<boolean> {
    const { rows } = await this.#client.query<{ asked: boolean }>(RETRY, nameOf(key));
    return rows[0]?.asked === true;
  }

  /** Gives up the first event that waits, or all. Returns how many. */
  async skip(
    key: ParkedKey,
    { all, reason, by }: { all: boolean; reason: string; by: string },
  ): Promise<number> {
    const { rows } = await this.#client.query<{ skipped: number }>(SKIP, [...nameOf(key), all, reason, by]);
    return rows[0]?.skipped ?? 0;
  }

  /** Says that a skipped key is right again. Returns how many skipped events are forgotten with it; 0: it is not skipped. */
  async forget(key: ParkedKey, { reason, by }: { reason: string; by: string }): Promise<number> {
    const { rows } = await this.#client.query<{ forgotten: number }>(FORGET, [...nameOf(key), reason, by]);
    return rows[0]?.forgotten ?? 0;
  }
}

/**
 * A database's address, if it is one: the driver would take it for the path of a socket, or for a host named base.
 * @throws BanyanError BANYAN_OPTION_INVALID
 */
export function checkedDatabaseUrl(url: string): string {
  if (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new BanyanError('BANYAN_OPTION_INVALID', `${JSON.stringify(url)} is no database address`, {
    remedy: 'Write postgres://user:password@host:port/database.',
  });
}

const nameOf = ({ subscriber, source, aggregate, aggregateId }: ParkedKey): string[] => [
  subscriber,
  source,
  aggregate,
  aggregateId,
];
