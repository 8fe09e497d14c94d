import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { streamOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { run } from '@banyan/playbook';
import { SourceRelay } from '@banyan/relay';
import { deleteOn, replica, rowFrom, subscriber, type Replica, type Subscriber } from '@banyan/subscriber';
import { jetstreamManager } from '@nats-io/jetstream';
import { projectEvents, type Project } from './backfill-events.js';
import { ProjectWriters } from './project-writers.js';

const PROGRAM = fileURLToPath(new URL('../dist/backfill-child.js', import.meta.url));
const COLUMNS = 'id integer primary key, version bigint not null check (version >= 1), name text not null';

const HEEDED_WITHIN_MS = 60_000;

export interface Ended {
  code: number;
  out: string;
}

/** A source with projects, its relay and its backfillers, and a subscriber with a replica: each with a database of its own. */
export class ProjectsSystem {
  readonly source = uniqueName('projects');
  readonly table = uniqueName('project_replica');
  /** Of its own too: commands address a subscriber by its name, and other files are on the same broker. */
  readonly subscriber = uniqueName('reader');
  readonly database: TestDatabase;
  readonly reader: TestDatabase;
  readonly nats: TestNats;
  readonly writers: ProjectWriters;
  relay: SourceRelay;
  readonly #children: ChildProcess[] = [];
  readonly #readers: Subscriber[] = [];

  private constructor(
    database: TestDatabase,
    reader: TestDatabase,
    { nats, rows }: { nats: TestNats; rows: number },
  ) {
    this.database = database;
    this.reader = reader;
    this.nats = nats;
    this.writers = new ProjectWriters(database.pool, this.source, rows);
    this.relay = this.newRelay();
  }

  /** @param rows projects that are there before anybody emits */
  static async start(rows: number): Promise<ProjectsSystem> {
    const statements = [
      `create table project (${COLUMNS})`,
      `insert into project select i, 1, 'old' from generate_series(1, ${rows}) i`,
    ];
    const [database, reader, nats] = await Promise.all([
      testDatabase({ roles: ['outbox'], statements }),
      testDatabase({ roles: ['subscriber'] }),
      testNats(),
    ]);
    const system = new ProjectsSystem(database, reader, { nats, rows });
    await reader.pool.query(`create table ${system.table} (${COLUMNS})`);
    return system;
  }

  async stop(): Promise<void> {
    await this.writers.stop();
    for (const child of this.#children) await end(child);
    await Promise.all([this.relay.stop(), ...this.#readers.map((each) => each.stop())]);
    const manager = await jetstreamManager(this.nats.connection);
    await manager.streams.delete(streamOf(this.source)).catch(() => undefined);
    await Promise.all([this.database.drop(), this.reader.drop(), this.nats.close()]);
  }

  newRelay(): SourceRelay {
    const relay = new SourceRelay({
      source: this.source,
      databaseUrl: this.database.url,
      natsUrl: this.nats.url,
    });
    relay.start();
    return relay;
  }

  /** The subscriber, one more instance each time. */
  follow(): Subscriber {
    const made = subscriber({
      name: this.subscriber,
      sources: [this.source],
      databaseUrl: this.reader.url,
      nats: this.nats.connection,
      handlers: [this.newReplica()],
      pollIntervalMs: 50,
    });
    this.#readers.push(made);
    made.start();
    return made;
  }

  /** A process of the source, which takes backfills. */
  async startChild(rowsPerSecond: number): Promise<ChildProcess> {
    const config = {
      source: this.source,
      databaseUrl: this.database.url,
      natsUrl: this.nats.url,
      rowsPerSecond,
    };
    const child = fork(PROGRAM, [JSON.stringify(config)], { execArgv: [] });
    this.#children.push(child);
    await once(child, 'message');
    return child;
  }

  /** Runs a command as a script would. */
  async banyan(...args: string[]): Promise<Ended> {
    const out: string[] = [];
    const say = (line: string): void => void out.push(line);
    const code = await run(args, {
      terminal: { out: say, err: say, confirm: undefined },
      env: { ...process.env, NATS_URL: this.nats.url },
      folder: '/',
    });
    return { code, out: out.join('\n') };
  }

  /** The same, and again while those who are to do it are not up yet, or too busy to be heard of: nothing was done. */
  async heeded(...args: string[]): Promise<Ended> {
    const untilMs = performance.now() + HEEDED_WITHIN_MS;
    for (;;) {
      const ended = await this.banyan(...args);
      const isHeard = !ended.out.includes('BANYAN_BACKFILL_UNREACHABLE');
      if (isHeard || performance.now() > untilMs) return ended;
    }
  }

  /** The rows of the source, and those that the replica has. */
  async rows(): Promise<{ source: object[]; replica: object[] }> {
    const read = (table: string): string => `select id, version, name from ${table} order by id`;
    const [source, replica] = await Promise.all([
      this.database.pool.query<object>(read('project')),
      this.reader.pool.query<object>(read(this.table)),
    ]);
    return { source: source.rows, replica: replica.rows };
  }

  newReplica(): Replica {
    const { saved, deleted, snapshot } = projectEvents(this.source);
    const rowOf = ({ id, version, name }: Project) => ({ id: Number(id), version, name });
    return replica({
      table: this.table,
      key: 'id',
      columns: ['id', 'version', 'name'],
      version: 'version',
      mappings: [rowFrom(saved, rowOf), rowFrom(snapshot, rowOf), deleteOn(deleted, ({ id }) => Number(id))],
    });
  }
}

/** As `kill -9` does. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
