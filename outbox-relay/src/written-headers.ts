import { MsgHdrsImpl } from '@nats-io/nats-core/internal';

/**
 * NATS headers that were written as text already. nats.js checks and canonicalizes each header and builds the block from a
 * map, which for a dozen of them costs more than all else that the relay does with an event. Here the values were checked
 * by `banyan.emit`, or are the relay's own.
 */
export class WrittenHeaders extends MsgHdrsImpl {
  #lines: string;
  #lastSequence: number | undefined;

  /** @param lines each ending in CR LF */
  constructor(lines: string) {
    super();
    this.#lines = lines;
  }

  /** The sequence that the stream must end with for the message to be stored. */
  expectLastSequence(sequence: number): void {
    this.#lastSequence = sequence;
  }

  /** Adds a header; name and value must be fit to be sent as they are. */
  add(name: string, value: string): void {
    this.#lines += `${name}: ${value}\r\n`;
  }

  override encode(): Uint8Array {
    return Buffer.from(this.toString(), 'utf8');
  }

  override toString(): string {
    const expected =
      this.#lastSequence === undefined ? '' : `Nats-Expected-Last-Sequence: ${this.#lastSequence}\r\n`;
    return `NATS/1.0\r\n${this.#lines}${expected}\r\n`;
  }
}
