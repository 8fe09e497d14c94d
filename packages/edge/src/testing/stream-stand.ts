import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  credentials,
  makeClientConstructor,
  Metadata,
  Server,
  ServerCredentials,
  type CallOptions,
  type Client,
  type ClientReadableStream,
  type handleServerStreamingCall,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { changeStage, StageWatch, type ChangeEvidence, type QueryStage } from '@banyan/control';
import type { NatsConnection } from '@nats-io/nats-core';
import { streamEdge, type StreamEdge } from '../stream/stream-edge.js';
import type { StreamEdgeOptions } from '../stream/stream-edge-options.js';
import type { Messages, StreamReplica } from '../stream/stream-replica.js';
import type { ReadContext } from '../query/replica.js';

export interface ListRequest {
  count: number;
}
export interface Item {
  n: number;
  of: 'provider' | 'replica';
}

export type ItemStream = ClientReadableStream<Item>;
type Handler = handleServerStreamingCall<ListRequest, Item>;

const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** A service of one streaming method, written by hand. */
export const listItems: MethodDefinition<ListRequest, Item> = {
  path: '/items.v1.Items/ListItems',
  requestStream: false,
  responseStream: true,
  requestSerialize: bytesOf,
  requestDeserialize: (bytes) => JSON.parse(bytes.toString()) as ListRequest,
  responseSerialize: bytesOf,
  responseDeserialize: (bytes) => JSON.parse(bytes.toString()) as Item,
};

const ItemsClient = makeClientConstructor({ listItems }, 'items.v1.Items');

/** A replica that counts what is drawn from it. */
export class CountingReplica implements StreamReplica<ListRequest, Item> {
  drawn = 0;
  /** How often it was told that the caller reads no more. */
  returned = 0;
  ageMs = 0;
  /** What happens before a message is given. */
  before: (n: number, context: ReadContext) => unknown = () => undefined;
  read: StreamReplica<ListRequest, Item>['read'] = (request, context) => this.items(request, context);

  freshness(): { asOfMs: number } {
    return { asOfMs: Date.now() - this.ageMs };
  }

  async *items({ count }: ListRequest, context: ReadContext): Messages<Item> & AsyncGenerator<Item> {
    let isWhole = false;
    try {
      for (let n = 1; n <= count; n += 1) {
        await this.before(n, context);
        this.drawn += 1;
        yield { n, of: 'replica' };
      }
      isWhole = true;
    } finally {
      if (!isWhole) this.returned += 1;
    }
  }
}

export type StreamSettings = Partial<StreamEdgeOptions<ListRequest, Item>>;

/** One streaming edge with all that it touches: provider, client, replica, and its stage in NATS. */
export class StreamStand {
  readonly replica = new CountingReplica();
  readonly edge: StreamEdge<ListRequest, Item>;
  readonly #name: string;
  readonly #connection: NatsConnection;
  readonly #server = new Server();
  readonly #folder = mkdtempSync(join(tmpdir(), 'banyan-stream-'));
  readonly #watch: StageWatch;
  #client: Client | undefined;
  /** Calls that the provider has got. */
  calls = 0;
  handler: Handler = (call) => {
    for (let n = 1; n <= call.request.count; n += 1) call.write({ n, of: 'provider' });
    call.end();
  };

  constructor(name: string, connection: NatsConnection, settings: StreamSettings = {}) {
    this.#name = name;
    this.#connection = connection;
    this.#watch = new StageWatch({ connection, stateDir: this.#folder });
    this.edge = streamEdge({
      edge: name,
      method: listItems,
      replica: this.replica,
      budget: { stalenessMs: 30_000 },
      stages: this.#watch,
      sideEffectFree: true,
      ...settings,
    });
  }

  async start(): Promise<void> {
    const handle: Handler = (call) => {
      this.calls += 1;
      this.handler(call);
    };
    this.#server.addService({ listItems }, { listItems: handle });
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const interceptors = [this.edge.interceptor];
    this.#client = new ItemsClient(`127.0.0.1:${port}`, credentials.createInsecure(), { interceptors });
    this.#watch.start();
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
    this.#client?.close();
    this.stopProvider();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  stopProvider(): void {
    this.#server.forceShutdown();
  }

  list(count: number, options: CallOptions = {}): ItemStream {
    if (this.#client === undefined) throw new Error('not started');
    const { path, requestSerialize, responseDeserialize } = listItems;
    const metadata = new Metadata();
    return this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { count },
      metadata,
      options,
    );
  }

  /** Moves the edge, and waits until it is there. */
  async move(stage: QueryStage): Promise<void> {
    const { running, record } = this.edge.stage;
    const arrived = new Promise<void>((resolve) => {
      const stop = this.edge.stage.onChange((now) => {
        if (now.stage !== stage) return;
        stop();
        resolve();
      });
    });
    await changeStage(this.#connection, {
      ...{ edge: this.#name, stage, from: running.stage, by: 'test', why: 'test', waitMs: 1 },
      expected: record?.changeId,
    });
    await arrived;
  }

  /** What was measured under the current change. */
  evidence(): ChangeEvidence {
    const found = this.edge.report(true).evidence.at(-1);
    if (found === undefined) throw new Error('nothing was measured');
    return found;
  }
}

/** What a caller got until the stream's end, and the error that it ended with. */
export async function outcomeOf(
  stream: ItemStream,
  onItem: (item: Item) => unknown = () => undefined,
): Promise<{ items: Item[]; error: ServiceError | undefined }> {
  const items: Item[] = [];
  try {
    for await (const item of stream as AsyncIterable<Item>) {
      items.push(item);
      await onItem(item);
    }
    return { items, error: undefined };
  } catch (error) {
    return { items, error: error as ServiceError };
  }
}
