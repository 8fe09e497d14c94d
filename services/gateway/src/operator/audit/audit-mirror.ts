import {
  AUDIT_STREAM,
  AUDIT_SUBJECTS,
  decodeAuditEntry,
  storedChanges,
  trailOf,
  type AuditEntry,
} from '@banyan/control';
import { jetstream, jetstreamManager, JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { messageOf, wait, type Logger } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import type { BrokerView } from '../look/broker-view.js';
import { brokerAway } from '../operator-problem.js';
import type { AuditPage, AuditRow } from '../wire.js';

/** So many entries are kept here, the latest; `banyan history` reads all. */
const MOST_ENTRIES = 10_000;
const BROKER_MS = 2_000;
/** How often, and how long after each other, it is looked whether a change has come in force before it is told of. */
const SETTLE = { times: 3, pauseMs: 50 };

type Listener = (row: AuditRow) => void;

interface Logged {
  seq: number;
  entry: AuditEntry;
}

/** The latest entries of the audit log, read once and then only what is new. */
export class AuditMirror {
  readonly #broker: BrokerView;
  readonly #logger: Logger;
  readonly #listeners = new Set<Listener>();
  #logged: Logged[] = [];
  #created = '';
  #reading: Promise<void> = Promise.resolve();
  #isListening = false;
  /** Entries up to this one are old news; undefined: all that were there when the first reader came. */
  #toldSeq: number | undefined;
  #isTelling = false;
  #isNews = false;
  #stored: AuditEntry[] = [];

  constructor(broker: BrokerView, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
    broker.onConnected(() => this.notice());
  }

  /** Newest first. What is known, while the broker is away. @throws ProblemError 503 if nothing was ever read */
  async rows(): Promise<AuditRow[]> {
    await this.#refresh();
    if (this.#toldSeq === undefined) throw brokerAway();
    const places = new Map(this.#logged.map(({ seq, entry }) => [entry.id, seq]));
    const entries = this.#logged.map(({ entry }) => entry);
    const trail = trailOf(entries, this.#stored, Date.now());
    return trail.map((entry) => ({ ...entry, seq: places.get(entry.id) ?? null })).reverse();
  }

  /** @param before the `next` of the page before */
  async page(limit: number, before?: number): Promise<AuditPage> {
    const rows = await this.rows();
    const from = before === undefined ? 0 : rows.findIndex(({ seq }) => seq === before) + 1;
    if (before !== undefined && from === 0) return { entries: [], next: null };
    let to = from + limit;
    // A page ends where the log has a place to go on from.
    while (to < rows.length && rows[to - 1]?.seq === null) to += 1;
    return { entries: rows.slice(from, to), next: to < rows.length ? (rows[to - 1]?.seq ?? null) : null };
  }

  /** Tells each new entry until the returned function is called. */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    if (this.#toldSeq === undefined) this.notice();
    return () => this.#listeners.delete(listener);
  }

  /** There may be new entries: they are read and told. */
  notice(): void {
    this.#isNews = true;
    if (!this.#isTelling) void this.#tellAll();
  }

  async #tellAll(): Promise<void> {
    this.#isTelling = true;
    while (this.#isNews) {
      this.#isNews = false;
      await this.#tellNew();
    }
    this.#isTelling = false;
  }

  /** One reading after the other. */
  async #refresh(): Promise<void> {
    this.#reading = this.#reading
      .then(() => this.#read())
      .catch((error: unknown) => {
        this.#logger.debug('the audit log could not be read', { error: messageOf(error) });
      });
    await this.#reading;
  }

  async #read(): Promise<void> {
    const connection = this.#broker.connection;
    if (connection === undefined) return;
    const state = await stateOf(connection);
    if (state?.created !== this.#created) this.#beginAnew(state?.created ?? '');
    if (state !== undefined) await this.#readFrom(connection, state.lastSeq);
    if (state !== undefined) this.#listenTo(connection);
    this.#toldSeq ??= state?.lastSeq ?? 0;
    this.#stored = await storedChanges(connection);
  }

  /** It is another stream than the one that was read: nothing of it was told yet. */
  #beginAnew(created: string): void {
    if (this.#created !== '') this.#toldSeq = 0;
    this.#created = created;
    this.#logged = [];
  }

  async #readFrom(connection: NatsConnection, lastSeq: number): Promise<void> {
    const known = this.#logged.at(-1)?.seq ?? 0;
    const first = Math.max(known + 1, lastSeq - MOST_ENTRIES + 1);
    if (first > lastSeq) return;
    const client = jetstream(connection, { timeout: BROKER_MS });
    const consumer = await client.consumers.get(AUDIT_STREAM, { opt_start_seq: first });
    for await (const message of await consumer.fetch({ max_messages: lastSeq - first + 1, expires: 5_000 })) {
      const entry = decodeAuditEntry(message.string());
      if (entry !== undefined) this.#logged.push({ seq: message.seq, entry });
      if (message.seq >= lastSeq) break;
    }
    this.#logged = this.#logged.slice(-MOST_ENTRIES);
  }

  /**
   * Entries are heard as core messages, and then read from the log. Not before there is one: who writes the first entry makes
   * it, and learns that it is missing by nobody's listening.
   */
  #listenTo(connection: NatsConnection): void {
    if (this.#isListening) return;
    this.#isListening = true;
    connection.subscribe(AUDIT_SUBJECTS, { callback: () => this.notice() });
  }

  async #tellNew(): Promise<void> {
    try {
      for (const row of await this.#newRows()) for (const tell of this.#listeners) tell(row);
    } catch (error) {
      this.#logger.debug('new entries could not be read', { error: messageOf(error) });
    }
  }

  /** Oldest first. An entry comes before what it tells of: a moment later it is known whether that was done. */
  async #newRows(): Promise<AuditRow[]> {
    const fromSeq = this.#toldSeq ?? 0;
    for (let time = 1; ; time++) {
      const rows = (await this.rows()).filter(({ seq }) => seq !== null && seq > fromSeq).reverse();
      const isSettled = rows.every(({ outcome }) => outcome !== 'open');
      if (!isSettled && time < SETTLE.times) await wait(SETTLE.pauseMs);
      else {
        this.#toldSeq = rows.at(-1)?.seq ?? fromSeq;
        return rows;
      }
    }
  }
}

/** Undefined: nothing was ever written. */
async function stateOf(
  connection: NatsConnection,
): Promise<{ created: string; lastSeq: number } | undefined> {
  try {
    const manager = await jetstreamManager(connection, { timeout: BROKER_MS });
    const { created, state } = await manager.streams.info(AUDIT_STREAM);
    return { created, lastSeq: state.last_seq };
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
      return undefined;
    throw error;
  }
}
