import {
  encodeHeartbeat,
  formatPosition,
  heartbeatSubjectOf,
  partitionOf,
  PARTITIONS,
  streamOf,
  subjectOf,
  subjectsOf,
} from '@banyan/contracts';
import { jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/nats-core';

/** Publishes events of projects into a stream of its own, as a relay would. */
export class EventStream {
  readonly source: string;
  readonly #nats: NatsConnection;
  readonly #heads = new Array<number>(PARTITIONS).fill(0);
  #n = 0;

  constructor(nats: NatsConnection, source: string) {
    this.#nats = nats;
    this.source = source;
  }

  async create(): Promise<void> {
    const manager = await jetstreamManager(this.#nats);
    await manager.streams.add({ name: streamOf(this.source), subjects: [subjectsOf(this.source)] });
  }

  async delete(): Promise<void> {
    const manager = await jetstreamManager(this.#nats);
    await manager.streams.delete(streamOf(this.source)).catch(() => undefined);
  }

  /** "The project was renamed." Resolves when the stream has it. */
  async renamed(id: string, payload: string | Uint8Array = ''): Promise<void> {
    const partition = partitionOf('project', id);
    const prev = this.#heads[partition] ?? 0;
    this.#n += 1;
    this.#heads[partition] = this.#n;
    const head = headers();
    head.set('ce-id', `id-${this.#n}`);
    head.set('ce-subject', encodeURIComponent(id));
    head.set('ce-time', new Date().toISOString());
    head.set('Banyan-Position', formatPosition(1, this.#n));
    head.set('Banyan-Prev', formatPosition(1, prev));
    const subject = subjectOf(this.source, { aggregate: 'project', type: 'ProjectRenamed', partition });
    await this.#nats.request(subject, payload, { headers: head, timeout: 15_000 });
  }

  /** An event that never comes. */
  lose(): void {
    this.#n += 1;
  }

  /** "Everything committed before now is in the stream." */
  beat(): void {
    const { source } = this;
    const beat = {
      source,
      epoch: 1,
      tick: 1,
      n: this.#n,
      heads: this.#heads,
      asOfMs: Date.now(),
      timeline: 1,
    };
    this.#nats.publish(heartbeatSubjectOf(source), encodeHeartbeat(beat));
  }
}
