import { randomUUID } from 'node:crypto';
import {
  DeliverPolicy,
  jetstream,
  jetstreamManager,
  type ConsumerMessages,
  type JetStreamClient,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { BanyanError, messageOf, resolveOptions, wholeNumber, type OptionRules } from '@banyan/runtime';
import {
  auditSubjectOf,
  auditSubjectsOf,
  decodeAuditEntry,
  type AuditEntry,
  type AuditKind,
  type NewAuditEntry,
} from './audit-entry.js';
import { AUDIT_STREAM, isMissingStream, makeAuditStream } from './audit-stream.js';

export interface AuditLogOptions {
  /** How long to wait for each answer of JetStream, in ms; default 5000. */
  timeoutMs?: number;
  /** Kept at most, in bytes, oldest out; default 64 MiB, some 50,000 changes. Applies when the stream is made. */
  maxBytes?: number;
  /** Copies of the stream in a NATS cluster, 1 to 5; default 0: as many as the stage bucket has. Applies when it is made. */
  replicas?: number;
}

const RULES: OptionRules<AuditLogOptions> = {
  timeoutMs: wholeNumber(100, 600_000, 5_000),
  maxBytes: wholeNumber(1_048_576, 1_099_511_627_776, 64 * 1_048_576),
  replicas: wholeNumber(0, 5, 0),
};

/** Which entries to read. */
export interface AuditFilter {
  kind?: AuditKind | undefined;
  /** The edge, flag, playbook or key, of whichever kind. */
  about?: string | undefined;
  /** Not before this, ms since 1970. */
  sinceMs?: number | undefined;
  /** The latest so many. */
  limit?: number | undefined;
}

/**
 * Who did what, when and why: a JetStream stream that nobody can delete from. An entry is written before what it tells of, so
 * that nothing is done without one; some tell of what then was not done. See `readTrail`.
 */
export class AuditLog {
  readonly #connection: NatsConnection;
  readonly #client: JetStreamClient;
  readonly #options: Required<AuditLogOptions>;
  #isThere = false;

  constructor(connection: NatsConnection, options: AuditLogOptions = {}) {
    this.#connection = connection;
    this.#options = resolveOptions('audit log', RULES, options);
    this.#client = jetstream(connection, { timeout: this.#options.timeoutMs });
  }

  /**
   * Writes an entry, making the stream if it is missing. Whoever gets an error must not do what was to be told of; the entry
   * may have been written all the same.
   *
   * @throws BANYAN_AUDIT_UNWRITABLE
   */
  async append({
    id = randomUUID(),
    at = new Date().toISOString(),
    ...rest
  }: NewAuditEntry): Promise<AuditEntry> {
    const entry: AuditEntry = { id, at, ...rest };
    try {
      await this.#publish(entry);
    } catch (error) {
      throw unwritable(error);
    }
    return entry;
  }

  /**
   * What was written, oldest first.
   *
   * @throws BANYAN_CONTROL_UNREACHABLE
   */
  async read(filter: AuditFilter = {}): Promise<AuditEntry[]> {
    try {
      return await this.#read(filter);
    } catch (error) {
      if (isMissingStream(error)) return [];
      const what = `the stream ${AUDIT_STREAM}: ${messageOf(error)}`;
      throw new BanyanError('BANYAN_CONTROL_UNREACHABLE', what, { cause: error });
    }
  }

  /**
   * Looks for the stream first: a publish that nobody stores is answered at once only if nobody listens, and anybody may listen
   * to `audit.>`.
   */
  async #publish(entry: AuditEntry): Promise<void> {
    this.#isThere ||= !(await this.#isMissing());
    if (!this.#isThere) await this.#begin(entry.at);
    this.#isThere = true;
    try {
      await this.#put(entry);
    } catch (error) {
      // Lost since. An entry that was stored all the same is known by its id.
      if (!(await this.#isMissing().catch(() => false))) throw error;
      await this.#begin(entry.at);
      await this.#put(entry);
    }
  }

  async #isMissing(): Promise<boolean> {
    const { streams } = await jetstreamManager(this.#connection, { timeout: this.#options.timeoutMs });
    try {
      await streams.info(AUDIT_STREAM);
      return false;
    } catch (error) {
      if (isMissingStream(error)) return true;
      throw error;
    }
  }

  /** A stream of somebody else's that takes the subject must not swallow it. */
  async #put(entry: AuditEntry, expect: { lastSequence?: number } = {}): Promise<void> {
    const expected = { streamName: AUDIT_STREAM, ...expect };
    await this.#client.publish(auditSubjectOf(entry.kind, entry.about), JSON.stringify(entry), {
      msgID: entry.id,
      expect: expected,
    });
  }

  /** Its first entry says whether it is the first stream there ever was, as far as the stage bucket knows. */
  async #begin(at: string): Promise<void> {
    const { replicas, ...settings } = this.#options;
    const { earlierRecords } = await makeAuditStream(this.#connection, {
      ...settings,
      replicas: replicas === 0 ? undefined : replicas,
    });
    const why =
      earlierRecords === 0
        ? 'the log begins'
        : `made anew: there are changes from before (${earlierRecords} in the stage bucket), and their entries are lost`;
    const first: AuditEntry = { id: randomUUID(), kind: 'log', about: AUDIT_STREAM, at, by: 'banyan', why };
    // Whoever else has made it meanwhile has said so.
    await this.#put(first, { lastSequence: 0 }).catch(() => undefined);
  }

  async #read({ kind, about, sinceMs, limit = Infinity }: AuditFilter): Promise<AuditEntry[]> {
    const subjects = subjectsOf(kind, about);
    const consumer = await this.#client.consumers.get(AUDIT_STREAM, {
      ...(subjects === undefined ? {} : { filter_subjects: subjects }),
      ...(sinceMs === undefined
        ? {}
        : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: timeOf(sinceMs - MAX_SKEW_MS) }),
    });
    const { num_pending: pending } = await consumer.info();
    if (pending === 0) return [];
    const messages = await consumer.fetch({
      max_messages: pending,
      expires: Math.max(1_000, this.#options.timeoutMs),
    });
    const isAsked = (entry: AuditEntry): boolean =>
      (about === undefined || entry.about === about) && Date.parse(entry.at) >= (sinceMs ?? -Infinity);
    return collect(messages, isAsked, limit);
  }
}

function subjectsOf(kind: AuditKind | undefined, about: string | undefined): string[] | undefined {
  if (about !== undefined) return [auditSubjectOf(kind ?? '*', about)];
  return kind === undefined ? undefined : [auditSubjectsOf(kind)];
}

/** How far the clocks of writers and broker may be apart: entries tell the one time, the stream is read by the other. */
const MAX_SKEW_MS = 300_000;

const timeOf = (ms: number): string => new Date(Math.max(0, ms)).toISOString();

async function collect(
  messages: ConsumerMessages,
  isAsked: (entry: AuditEntry) => boolean,
  limit: number,
): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  for await (const message of messages) {
    const entry = decodeAuditEntry(message.string());
    if (entry !== undefined && isAsked(entry)) found.push(entry);
    if (found.length > limit) found.shift();
    if (message.info.pending === 0) break;
  }
  return found;
}

function unwritable(cause: unknown): BanyanError {
  return new BanyanError('BANYAN_AUDIT_UNWRITABLE', `the stream ${AUDIT_STREAM}: ${messageOf(cause)}`, {
    cause,
  });
}
