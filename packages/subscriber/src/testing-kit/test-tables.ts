import { BanyanError } from '@banyan/runtime';
import pg from 'pg';

/** Whole numbers of 64 bits as JavaScript's: expectations are easier to write. */
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, Number);

export type Row = Readonly<Record<string, unknown>>;

/** The tables that a scenario's handlers write to. They are emptied again and again. */
export class TestTables {
  readonly #client: pg.Client;
  readonly #tables: readonly string[];
  readonly #subscriber: string;

  private constructor(client: pg.Client, subscriber: string, tables: readonly string[]) {
    this.#client = client;
    this.#tables = tables;
    this.#subscriber = subscriber;
  }

  /** @throws BanyanError BANYAN_OPTION_INVALID if a table has rows: it may be somebody's */
  static async open(
    databaseUrl: string,
    { subscriber, tables }: { subscriber: string; tables: readonly string[] },
  ): Promise<TestTables> {
    const client = new pg.Client({ connectionString: databaseUrl, types });
    const opened = new TestTables(client, subscriber, tables);
    await client.connect();
    try {
      for (const table of tables) await opened.#refuseRows(table);
    } catch (error) {
      await client.end();
      throw error;
    }
    return opened;
  }

  async read(sql: string): Promise<Row[]> {
    return (await this.#client.query<Row>(sql)).rows;
  }

  /** Forgets everything: as if no event had ever come. */
  async clear(): Promise<void> {
    if (this.#tables.length > 0) await this.#client.query(`truncate ${this.#tables.join(', ')} cascade`);
    await this.#client.query('delete from banyan.subscription where subscriber = $1', [this.#subscriber]);
    await this.#client.query('delete from banyan.tombstone where replica = any($1)', [this.#tables]);
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #refuseRows(table: string): Promise<void> {
    const { rows } = await this.#client.query<{ rows: number }>(`select count(*) as rows from ${table}`);
    const [found] = rows;
    if (found === undefined || found.rows === 0) return;
    throw new BanyanError(
      'BANYAN_OPTION_INVALID',
      `table ${table} holds ${found.rows} rows, and scenarios empty it: give them a database of their own`,
    );
  }
}
