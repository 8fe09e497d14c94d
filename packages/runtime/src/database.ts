/**
 * The smallest thing that runs SQL: a pg client, a pg pool, or an adapter over another library's transaction. A function
 * that takes one as `tx` writes inside the caller's transaction and never begins, commits or rolls back.
 */
export interface Queryable {
  // The caller states the shape of its rows, as with pg.
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
  query: <R extends object = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ) => Promise<{ rows: R[]; rowCount: number | null }>;
}
