import { messageOf } from '@banyan/runtime';
import type { ClientBase, Connection, Submittable } from 'pg';

/** Begins the first message of a COPY in binary format; flags and the length of an extension follow. */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const HEADER_BYTES = SIGNATURE.length + 8;

/** Stands where a row has its number of fields. */
const END = -1;

/** Stands where a field has its length. */
const NULL = -1;

/** PostgreSQL counts time from 2000-01-01; in seconds since 1970. */
const POSTGRES_EPOCH_SECONDS = 946_684_800;

/** Walks once over the fields of one row in PostgreSQL's binary format. Its bytes are reused: what is taken is a copy. */
export class CopiedRow {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** text */
  text(): string {
    const length = this.#length();
    return this.#bytes.toString('utf8', this.#at, (this.#at += length));
  }

  /** jsonb, as its text */
  jsonOrNull(): string | null {
    const length = this.#length();
    // Its first byte is the version of the format.
    return length === NULL ? null : this.#bytes.toString('utf8', this.#at + 1, (this.#at += length));
  }

  /** bytea */
  bytes(): Buffer {
    const length = this.#length();
    return Buffer.from(this.#bytes.subarray(this.#at, (this.#at += length)));
  }

  /** smallint */
  int2(): number {
    this.#length();
    return this.#bytes.readInt16BE((this.#at += 2) - 2);
  }

  /** bigint, as text: it may exceed 2^53 */
  int8OrNull(): string | null {
    if (this.#length() === NULL) return null;
    const high = this.#bytes.readInt32BE(this.#at);
    const number = high * 0x1_0000_0000 + this.#bytes.readUInt32BE(this.#at + 4);
    const exact = Number.isSafeInteger(number) ? number : this.#bytes.readBigInt64BE(this.#at);
    this.#at += 8;
    return String(exact);
  }

  /** uuid */
  uuid(): string {
    const length = this.#length();
    const hex = this.#bytes.toString('hex', this.#at, (this.#at += length));
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** timestamptz, as RFC 3339 in UTC with as many decimals as it has, up to six */
  time(): string {
    this.#length();
    const micros = this.#bytes.readInt32BE(this.#at) * 0x1_0000_0000 + this.#bytes.readUInt32BE(this.#at + 4);
    this.#at += 8;
    const seconds = Math.floor(micros / 1e6);
    return `${secondOf(seconds + POSTGRES_EPOCH_SECONDS)}${decimalsOf(micros - seconds * 1e6)}Z`;
  }

  #length(): number {
    return this.#bytes.readInt32BE((this.#at += 4) - 4);
  }
}

/** Rows that follow each other were mostly written in the same second. */
let lastSecond = { seconds: 0, written: '1970-01-01T00:00:00' };

function secondOf(seconds: number): string {
  if (lastSecond.seconds !== seconds)
    lastSecond = { seconds, written: new Date(seconds * 1000).toISOString().slice(0, 19) };
  return lastSecond.written;
}

function decimalsOf(micros: number): string {
  if (micros === 0) return '';
  return `.${String(micros).padStart(6, '0').replace(/0+$/, '')}`;
}

/**
 * Reads the rows of one query by COPY in binary format, for a quarter of the processor time that a SELECT takes here: pg makes
 * a text of every field first, and a parser for its type makes the value from that.
 *
 * @param query SQL with its values written in: COPY takes no parameters
 * @param decode takes the fields of one row, all of them
 */
export function copyRows<T>(client: ClientBase, query: string, decode: (row: CopiedRow) => T): Promise<T[]> {
  return new Promise((resolve, reject) => {
    client.query(new BinaryCopy(`copy (${query}) to stdout (format binary)`, decode, { resolve, reject }));
  });
}

/** What pg calls while it runs the statement. PostgreSQL sends each row in a message of its own. */
class BinaryCopy<T> implements Submittable {
  readonly #statement: string;
  readonly #decode: (row: CopiedRow) => T;
  readonly #result: { resolve: (rows: T[]) => void; reject: (error: Error) => void };
  readonly #rows: T[] = [];
  #failure: Error | undefined;

  constructor(
    statement: string,
    decode: (row: CopiedRow) => T,
    result: { resolve: (rows: T[]) => void; reject: (error: Error) => void },
  ) {
    this.#statement = statement;
    this.#decode = decode;
    this.#result = result;
  }

  submit(connection: Connection): void {
    connection.query(this.#statement);
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    if (this.#failure !== undefined) return;
    try {
      this.#take(chunk);
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(messageOf(error));
    }
  }

  /** Of the statement; the connection is of use again after `handleReadyForQuery`. */
  handleError(error: Error): void {
    this.#failure ??= error;
    this.#result.reject(this.#failure);
  }

  handleCommandComplete(): void {
    // The rows count themselves.
  }

  handleReadyForQuery(): void {
    if (this.#failure === undefined) this.#result.resolve(this.#rows);
    else this.#result.reject(this.#failure);
  }

  #take(chunk: Buffer): void {
    const begins = chunk.length >= HEADER_BYTES && chunk.subarray(0, SIGNATURE.length).equals(SIGNATURE);
    const at = begins ? HEADER_BYTES : 0;
    if (at === chunk.length || chunk.readInt16BE(at) === END) return;
    const row = new CopiedRow(chunk, at + 2);
    this.#rows.push(this.#decode(row));
    if (!row.isAtEnd) throw new Error('PostgreSQL did not send one row of a COPY in one message');
  }
}
