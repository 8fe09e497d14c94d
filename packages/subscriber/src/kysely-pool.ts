import type { ClientBase } from 'pg';

/** As much of a pg pool as Kysely's PostgresDialect uses. */
export interface OneClientPool {
  connect: () => Promise<Pick<ClientBase, 'query'> & { release: () => void }>;
  end: () => Promise<void>;
}

/**
 * Lets Kysely write in a handler's transaction: `new Kysely<DB>({ dialect: new PostgresDialect({ pool: kyselyPool(tx) }) })`.
 * A rollback takes back what Kysely wrote too. Its own `.transaction()` must not be used: the transaction is the subscriber's
 * to end. With Drizzle no help is needed: `drizzle({ client: tx })`.
 */
export function kyselyPool(tx: ClientBase): OneClientPool {
  const query: ClientBase['query'] = tx.query.bind(tx);
  // The client goes back to nobody: it is the lane's.
  const release = (): void => undefined;
  return { connect: () => Promise.resolve({ query, release }), end: () => Promise.resolve() };
}
