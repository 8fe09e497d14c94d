import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, type MethodDefinition } from '@grpc/grpc-js';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { defineEvent, partitionOf } from '@banyan/contracts';
import { parseEdge, StageStore, StageWatch, type ReactionStage } from '@banyan/control';
import type { SubscriberFreshness } from '@banyan/subscriber';
import { Client, type ClientBase, type Pool } from 'pg';
import { reaction, type Reaction } from '../reaction/reaction.js';
import type { ReactionOrigin } from '../reaction/reaction-options.js';
import { reactions, type EmitReacting } from '../reaction/reactions.js';
import { receiver, type Receiver } from '../reaction/receiver.js';
import type { ReceiverOptions } from '../reaction/receiver-options.js';
import { trigger } from '../reaction/trigger.js';

export interface Archived {
  id: string;
  version: number;
}

export interface Done {
  note: string;
}

const codec = {
  encode: (message: object) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
  decode: (input: Uint8Array) => JSON.parse(Buffer.from(input).toString()) as Archived,
};

export const archived = defineEvent<Archived>({
  source: 'projects',
  aggregate: 'project',
  type: 'ProjectArchived',
  codec,
  key: ({ id }) => id,
  version: ({ version }) => version,
});

const method: MethodDefinition<Archived, Done> = {
  path: '/tasks.v1.TasksService/ArchiveProjectTasks',
  requestStream: false,
  responseStream: false,
  requestSerialize: (value) => Buffer.from(JSON.stringify(value)),
  requestDeserialize: (bytes) => JSON.parse(bytes.toString()) as Archived,
  responseSerialize: (value) => Buffer.from(JSON.stringify(value)),
  responseDeserialize: (bytes) => JSON.parse(bytes.toString()) as Done,
};

const WRITE = 'insert into ledger (key, via) values ($1, $2)';

/** A rule of the business that says no. */
export class No extends Error {}

/** What a stand stands on. */
export interface Grounds {
  /** The calling service; no other test's. */
  caller: string;
  /** With the roles outbox and subscriber, and the table that `LEDGER` makes. */
  database: { pool: Pool; url: string };
  connection: NatsConnection;
}

export const LEDGER = 'create table ledger (i bigserial, key text, via text)';

/** Both ends of a reaction over one database. Calls are made in the process, and events come when a test says so. */
export class ReactionStand {
  readonly edge: string;
  readonly database: Grounds['database'];
  readonly watch: StageWatch;
  readonly caller: Reaction<Archived>;
  readonly receiver: Receiver<Archived, Done>;
  /** How far the receiver's subscriber is said to be. */
  freshness: SubscriberFreshness = { asOfMs: undefined, listsAsOfMs: undefined };
  /** What the calls were made with. */
  readonly origins: ReactionOrigin[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'banyan-reaction-'));
  readonly #connection: NatsConnection;
  #version = 0;

  /** @param options further ones of the receiver */
  constructor(
    { caller, database, connection }: Grounds,
    options: Partial<ReceiverOptions<Archived, Done>> = {},
  ) {
    this.edge = `${caller} -> tasks.ArchiveProjectTasks`;
    this.database = database;
    this.#connection = connection;
    this.watch = new StageWatch({ connection, stateDir: this.#folder });
    const common = { edge: this.edge, stages: this.watch };
    const triggers = [trigger(archived, (data) => data)];
    this.caller = reaction({ ...common, triggers, call: (request, origin) => this.call(request, origin) });
    const effect = async (tx: ClientBase, { id }: Archived, { via }: { via: string }): Promise<Done> => {
      await tx.query(WRITE, [id, via]);
      if (id.startsWith('no')) throw new No(`no to ${id}`);
      return { note: `${id} by ${via}` };
    };
    const refusals = {
      record: (error: unknown) => (error instanceof No ? error.message : undefined),
      restore: (recorded: string) => new No(recorded),
    };
    this.receiver = receiver({
      ...common,
      triggers,
      method,
      effect,
      refusals,
      pool: database.pool,
      ...options,
    });
    this.receiver.readBy({ freshness: () => this.freshness, status: undefined });
    this.watch.start();
  }

  async stop(): Promise<void> {
    await this.receiver.stop();
    await this.watch.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Changes the stage, and waits until both ends run it. */
  async stageIs(stage: ReactionStage): Promise<void> {
    const store = await StageStore.open(this.#connection);
    const name = parseEdge(this.edge);
    const before = await store.read(name);
    const from = this.caller.stage.running.stage;
    const expected = before?.record?.changeId;
    const heard = new Promise<void>((resolve) => {
      const stop = this.caller.stage.onChange(() => {
        stop();
        resolve();
      });
    });
    await store.write(name, { kind: 'reaction', stage, from, by: 'ann', why: 'test', expected });
    await heard;
  }

  /** Archives a project: one transaction, and what follows from it. */
  async archive(id: string): Promise<void> {
    await reactions(this.caller).transaction(
      (work: (tx: Client) => Promise<void>) => this.inTransaction(work),
      (_tx, emit) => this.emit(id, emit),
    );
  }

  async emit(id: string, emit: EmitReacting): Promise<void> {
    this.#version += 1;
    await emit(archived, { id, version: this.#version });
  }

  /** As a client of the receiver's method would. */
  call(request: Archived, origin?: Partial<ReactionOrigin>, caller?: string): Promise<Done> {
    const { deadlineMs = Date.now() + 60_000, metadata = new Metadata() } = origin ?? {};
    this.origins.push({ deadlineMs, metadata });
    const signal = new AbortController().signal;
    const from = caller ?? parseEdge(this.edge).caller;
    return this.receiver.method(request, { deadlineMs, metadata, signal, caller: from });
  }

  /** Brings the events of a key to the receiver, as its subscriber would, in a transaction each. */
  async deliver(id: string): Promise<void> {
    const { rows } = await this.database.pool.query<OutboxRow>(
      'select event_id, aggregate_version, emitted_at, headers, payload from banyan.outbox where aggregate_id = $1 order by seq',
      [id],
    );
    for (const row of rows) await this.inTransaction((tx) => this.apply(tx, id, row));
  }

  async apply(tx: Client, id: string, row: OutboxRow): Promise<void> {
    const head = headers();
    for (const [name, value] of Object.entries(row.headers)) head.set(name, value);
    const event = {
      ...{ source: 'projects', aggregate: 'project', type: 'ProjectArchived', aggregateId: id },
      ...{ epoch: 1, n: 1, prevN: 0, partition: partitionOf('project', id), sequence: 1, attempt: 1 },
      ...{ eventId: row.event_id, version: Number(row.aggregate_version), time: row.emitted_at },
      ...{ headers: head, payload: row.payload },
    };
    for (const { group } of this.receiver.entries) await group.apply(tx, [event], []);
  }

  async inTransaction<T>(work: (tx: Client) => Promise<T>): Promise<T> {
    const tx = new Client({ connectionString: this.database.url });
    await tx.connect();
    try {
      await tx.query('begin');
      const result = await work(tx);
      await tx.query('commit');
      return result;
    } catch (error) {
      await tx.query('rollback');
      throw error;
    } finally {
      await tx.end();
    }
  }

  /** What was done, in order: `p1 by call`. */
  async effects(): Promise<string[]> {
    const { rows } = await this.database.pool.query<{ key: string; via: string }>(
      'select key, via from ledger order by i',
    );
    return rows.map(({ key, via }) => `${key} by ${via}`);
  }
}

export interface OutboxRow {
  event_id: string;
  aggregate_version: string;
  emitted_at: Date;
  headers: Record<string, string>;
  payload: Buffer;
}
