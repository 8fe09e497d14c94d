import {
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

const BEAT_MS = 100;

/** The streams of sources, filled as their relays would fill them, heartbeats included. */
export class TestStreams {
  readonly #nats: NatsConnection;
  readonly #sources = new Map<string, TestStream>();
  readonly #silent = new Set<string>();
  #beating: NodeJS.Timeout | undefined;

  private constructor(nats: NatsConnection, sources: readonly string[]) {
    this.#nats = nats;
    for (const source of sources) this.#sources.set(source, new TestStream(nats, source));
    this.start();
  }

  static async create(nats: NatsConnection, sources: readonly string[]): Promise<TestStreams> {
    const streams = new TestStreams(nats, sources);
    for (const source of sources) await streams.createStream(source);
    return streams;
  }

  async createStream(source: string): Promise<void> {
    const manager = await jetstreamManager(this.#nats);
    await manager.streams.add({ name: streamOf(source), subjects: [subjectsOf(source)] });
  }

  /** Publishes events of one source; resolves when its stream has them. */
  async publish<T>(event: EventDefinition<T>, ...data: T[]): Promise<void> {
    const stream = this.#sources.get(event.source);
    if (stream === undefined) throw new Error(`there is no stream of ${event.source}`);
    await Promise.all(data.map((each) => stream.publish(event, each)));
  }

  /** The n of the last event. */
  lastN(source: string): number {
    return this.#sources.get(source)?.lastN ?? 0;
  }

  /** Takes positions that no event will have. */
  skip(source: string, count: number): void {
    this.#sources.get(source)?.skip(count);
  }

  beat(): void {
    for (const [source, stream] of this.#sources) if (!this.#silent.has(source)) stream.beat();
  }

  /** Has a source send no heartbeats, as if its relay hung. */
  silence(source: string): void {
    this.#silent.add(source);
  }

  unsilence(source: string): void {
    this.#silent.delete(source);
  }

  /** Sends heartbeats, as relays do. */
  start(): void {
    this.#beating = setInterval(() => this.beat(), BEAT_MS);
  }

  stop(): void {
    clearInterval(this.#beating);
  }
}

class TestStream {
  readonly #nats: NatsConnection;
  readonly #source: string;
  readonly #heads = new Array<number>(PARTITIONS).fill(0);
  #lastN = 0;

  constructor(nats: NatsConnection, source: string) {
    this.#nats = nats;
    this.#source = source;
  }

  get lastN(): number {
    return this.#lastN;
  }

  skip(count: number): void {
    this.#lastN += count;
  }

  async publish<T>({ aggregate, type, ...event }: EventDefinition<T>, data: T): Promise<void> {
    const key = event.keyOf(data);
    const partition = partitionOf(aggregate, key);
    const head = headers();
    const n = (this.#lastN += 1);
    head.set('ce-id', `id-${n}`);
    head.set('ce-subject', key);
    head.set('ce-time', new Date().toISOString());
    head.set('Banyan-Position', formatPosition(1, n));
    head.set('Banyan-Prev', formatPosition(1, this.#heads[partition] ?? 0));
    head.set('Banyan-Version', String(event.versionOf(data)));
    this.#heads[partition] = n;
    const subject = subjectOf(this.#source, { aggregate, type, partition });
    await this.#nats.request(subject, event.encode(data), { headers: head, timeout: 15_000 });
  }

  beat(): void {
    const { source, n, heads } = { source: this.#source, n: this.#lastN, heads: this.#heads };
    const beat = { source, epoch: 1, tick: 1, n, heads, asOfMs: Date.now(), timeline: 1 };
    this.#nats.publish(heartbeatSubjectOf(source), encodeHeartbeat(beat));
  }
}
