import { BanyanError } from '@banyan/runtime';

/** A value of a replica's column. Objects and arrays are for columns of type json, jsonb or of arrays. */
export type ReplicaValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | null
  | readonly ReplicaValue[]
  | { readonly [name: string]: ReplicaValue };

/** A row of a replica: column name to value. */
export type ReplicaRow = Readonly<Record<string, ReplicaValue>>;

/** Writes a row as PostgreSQL's `json_populate_recordset` reads it. @throws BanyanError BANYAN_REPLICA_INVALID */
export function jsonOf(
  row: ReplicaRow,
  { table, columns }: { table: string; columns: readonly string[] },
): string {
  const values: Record<string, unknown> = {};
  for (const column of columns) {
    const value = row[column];
    if (value === undefined) throw invalid(table, `a mapping gives no value for ${column}`);
    values[column] = written(value, column, table);
  }
  if (Object.keys(row).length > columns.length) {
    const unknown = Object.keys(row).filter((column) => !columns.includes(column));
    throw invalid(table, `a mapping gives unknown columns: ${unknown.join(', ')}`);
  }
  return JSON.stringify(values);
}

/** What JSON would turn into null, or into something else, without a word. */
function written(value: ReplicaValue, column: string, table: string): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalid(table, `${column} is ${value}`);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return value;
}

function invalid(table: string, what: string): BanyanError {
  return new BanyanError('BANYAN_REPLICA_INVALID', `replica ${table}: ${what}`);
}
