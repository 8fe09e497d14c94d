import { parsePosition, streamOf } from '@banyan/contracts';
import type { Queryable } from '@banyan/runtime';
import { jetstream, jetstreamManager, type JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

/** How a source's stream compares with its outbox. All but the first two are 0 when the books balance. */
export interface AuditReport {
  /** Rows in the outbox: what writers have committed and is still retained. */
  committed: number;
  messages: number;
  /** Event ids that are in the stream more than once. */
  duplicates: number;
  /** Positions that are not the one before plus one. */
  gaps: number;
  /** Messages whose `Banyan-Prev` is not the last position of their partition. */
  brokenLinks: number;
  /** Events that stand in the stream before an earlier one of the same key. */
  inversions: number;
  /** Committed events that are not in the stream. */
  missing: number;
  /** Messages whose event is not in the outbox: rolled back, or of another history. */
  unknown: number;
}

/** True when nothing is wrong. */
export function isBalanced(report: AuditReport): boolean {
  const { duplicates, gaps, brokenLinks, inversions, missing, unknown } = report;
  return duplicates + gaps + brokenLinks + inversions + missing + unknown === 0;
}

const ROWS = `select event_id as id, seq from banyan.outbox`;

/**
 * Reads a source's whole stream and all of its retained outbox, and compares them. Run it while nobody writes: what is on
 * its way counts as missing. Needs memory for the ids of all events.
 */
export async function auditStream(db: Queryable, nats: NatsConnection, source: string): Promise<AuditReport> {
  const { rows } = await db.query<{ id: string; seq: string }>(ROWS);
  const books = new Books(new Map(rows.map(({ id, seq }) => [id, Number(seq)])));
  for await (const message of readAll(nats, streamOf(source))) books.enter(message);
  return books.report();
}

async function* readAll(nats: NatsConnection, stream: string): AsyncGenerator<JsMsg> {
  const { state } = await (await jetstreamManager(nats)).streams.info(stream);
  if (state.messages === 0) return;
  const consumer = await jetstream(nats).consumers.get(stream);
  for await (const message of await consumer.consume()) {
    yield message;
    if (message.seq >= state.last_seq) return;
  }
}

type CountName = Exclude<keyof AuditReport, 'committed' | 'missing' | 'messages'>;

class Books {
  readonly #seqOf: ReadonlyMap<string, number>;
  readonly #seen = new Set<string>();
  readonly #headOf = new Map<string, number>();
  readonly #lastSeqOfKey = new Map<string, number>();
  readonly #counts = { messages: 0, duplicates: 0, gaps: 0, brokenLinks: 0, inversions: 0, unknown: 0 };
  #lastN: number | undefined;

  constructor(seqOf: ReadonlyMap<string, number>) {
    this.#seqOf = seqOf;
  }

  enter(message: JsMsg): void {
    const header = (name: string): string => message.headers?.get(name) ?? '';
    const id = header('ce-id');
    const { n } = parsePosition(header('Banyan-Position'));
    const partition = message.subject.split('.').at(-1) ?? '';
    this.#counts.messages += 1;
    this.#count('duplicates', this.#seen.has(id));
    this.#count('gaps', this.#lastN !== undefined && n !== this.#lastN + 1);
    this.#count('brokenLinks', this.#isBroken(partition, parsePosition(header('Banyan-Prev')).n));
    this.#enterKey(header('ce-partitionkey'), this.#seqOf.get(id));
    this.#seen.add(id);
    this.#headOf.set(partition, n);
    this.#lastN = n;
  }

  report(): AuditReport {
    const missing = [...this.#seqOf.keys()].filter((id) => !this.#seen.has(id)).length;
    return { committed: this.#seqOf.size, missing, ...this.#counts };
  }

  /** The first message of a partition may link to one that has left the stream. */
  #isBroken(partition: string, prevN: number): boolean {
    const head = this.#headOf.get(partition);
    return head !== undefined && head !== prevN;
  }

  #enterKey(key: string, seq: number | undefined): void {
    this.#count('unknown', seq === undefined);
    if (seq === undefined) return;
    this.#count('inversions', seq < (this.#lastSeqOfKey.get(key) ?? 0));
    this.#lastSeqOfKey.set(key, seq);
  }

  #count(what: CountName, happened: boolean): void {
    if (happened) this.#counts[what] += 1;
  }
}
