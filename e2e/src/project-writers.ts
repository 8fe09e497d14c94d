import { emit } from '@banyan/outbox';
import type { Pool, PoolClient } from 'pg';
import { projectEvents, type Project } from './backfill-events.js';
import { Random } from './traffic/random.js';

/** Writers that rename, delete and create projects until they are stopped, each change with its event. */
export class ProjectWriters {
  readonly #pool: Pool;
  readonly #events: ReturnType<typeof projectEvents>;
  readonly #random = new Random(7);
  #running: Promise<unknown> = Promise.resolve();
  #stopped = false;
  #nextId: number;
  changes = 0;

  /** @param rows ids 1 to this are there */
  constructor(pool: Pool, source: string, rows: number) {
    this.#pool = pool;
    this.#events = projectEvents(source);
    this.#nextId = rows + 1;
  }

  start(writers: number): void {
    this.#running = Promise.all(Array.from({ length: writers }, () => this.#write()));
  }

  /** Resolves when the last change is committed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const tx = await this.#pool.connect();
      try {
        await tx.query('begin');
        await this.#change(tx);
        // Some think better of it.
        await tx.query(this.#random.below(10) === 0 ? 'rollback' : 'commit');
        this.changes += 1;
      } finally {
        tx.release();
      }
    }
  }

  async #change(tx: PoolClient): Promise<void> {
    const kind = this.#random.below(4);
    if (kind === 0) return this.#create(tx);
    const id = 1 + this.#random.below(this.#nextId - 1);
    return kind === 1 ? this.#delete(tx, id) : this.#rename(tx, id);
  }

  async #create(tx: PoolClient): Promise<void> {
    // Also behind the backfill, where it has been already.
    const id = this.#random.below(2) === 0 ? this.#nextId++ : -this.#nextId++;
    const project = { id: String(id), version: 1, name: 'created' };
    await tx.query('insert into project values ($1, $2, $3)', [id, 1, project.name]);
    await emit(tx, this.#events.saved, project);
  }

  async #rename(tx: PoolClient, id: number): Promise<void> {
    const name = `renamed ${this.changes}`;
    const { rows } = await tx.query<Project>(
      'update project set name = $2, version = version + 1 where id = $1 returning id::text, version::integer, name',
      [id, name],
    );
    for (const project of rows) await emit(tx, this.#events.saved, project);
  }

  async #delete(tx: PoolClient, id: number): Promise<void> {
    const { rows } = await tx.query<Project>(
      'delete from project where id = $1 returning id::text, version::integer + 1 as version, name',
      [id],
    );
    for (const project of rows) await emit(tx, this.#events.deleted, project);
  }
}
