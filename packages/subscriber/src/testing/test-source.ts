import {
  defineEvent,
  encodeHeartbeat,
  formatPosition,
  heartbeatSubjectOf,
  partitionOf,
  PARTITIONS,
  streamOf,
  subjectOf,
  subjectsOf,
  type EventDefinition,
} from '@banyan/contracts';
import { jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/nats-core';

export interface Renamed {
  id: string;
  version: number;
}

/** An event as a relay would publish it. */
export interface SentEvent {
  n: number;
  prevN: number;
  key: string;
  version: number;
  type: string;
}

const codec = {
  encode: (message: Renamed) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
  decode: (input: Uint8Array) => JSON.parse(Buffer.from(input).toString()) as Renamed,
};

/** Fills a stream of its own as a relay would, or wrongly where a test wants it so. */
export class TestSource {
  readonly name: string;
  readonly renamed: EventDefinition<Renamed>;
  readonly deleted: EventDefinition<Renamed>;
  readonly #nats: NatsConnection;
  readonly #heads = new Array<number>(PARTITIONS).fill(0);
  #lastN = 0;

  constructor(nats: NatsConnection, name: string) {
    this.#nats = nats;
    this.name = name;
    this.renamed = this.#define('ProjectRenamed');
    this.deleted = this.#define('ProjectDeleted');
  }

  get lastN(): number {
    return this.#lastN;
  }

  async createStream(): Promise<void> {
    const manager = await jetstreamManager(this.#nats);
    await manager.streams.add({ name: streamOf(this.name), subjects: [subjectsOf(this.name)] });
  }

  async deleteStream(): Promise<void> {
    const manager = await jetstreamManager(this.#nats);
    await manager.streams.delete(streamOf(this.name)).catch(() => undefined);
  }

  /** The next event of a key; `change` makes it wrong. */
  next(key: string, version = 1, change: Partial<SentEvent> = {}): SentEvent {
    const partition = partitionOf('project', key);
    this.#lastN += 1;
    const prevN = this.#heads[partition] ?? 0;
    const sent = { n: this.#lastN, prevN, key, version, type: 'ProjectRenamed', ...change };
    this.#heads[partition] = sent.n;
    return sent;
  }

  /** Resolves when the stream has it. */
  async publish(
    sent: SentEvent,
    { epoch = 1, payload }: { epoch?: number; payload?: string } = {},
  ): Promise<void> {
    const { n, prevN, key, version, type } = sent;
    const head = headers();
    head.set('ce-id', `id-${n}`);
    head.set('ce-subject', key);
    head.set('ce-time', new Date().toISOString());
    head.set('Banyan-Position', formatPosition(epoch, n));
    head.set('Banyan-Prev', formatPosition(epoch, prevN));
    head.set('Banyan-Version', String(version));
    const subject = subjectOf(this.name, {
      aggregate: 'project',
      type,
      partition: partitionOf('project', key),
    });
    const data = payload ?? JSON.stringify({ id: key, version });
    await this.#nats.request(subject, data, { headers: head, timeout: 15_000 });
  }

  /** Publishes one event of each key, in this order. */
  async send(...keys: string[]): Promise<void> {
    await Promise.all(keys.map((key) => this.publish(this.next(key))));
  }

  /** "Everything committed before this is in the stream." */
  beat(asOfMs: number): void {
    const { name: source } = this;
    const beat = { source, epoch: 1, tick: 1, n: this.#lastN, heads: this.#heads, asOfMs, timeline: 1 };
    this.#nats.publish(heartbeatSubjectOf(source), encodeHeartbeat(beat));
  }

  #define(type: string): EventDefinition<Renamed> {
    const [key, version] = [({ id }: Renamed) => id, (data: Renamed) => data.version];
    return defineEvent<Renamed>({ source: this.name, aggregate: 'project', type, codec, key, version });
  }
}
