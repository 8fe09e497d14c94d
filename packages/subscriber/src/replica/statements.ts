import type { QueryConfig } from 'pg';

export interface ReplicaStatements {
  /** Parameter: the rows, a JSON array. Gives how many rows' versions went down. */
  upsert: (values: [rows: string]) => QueryConfig;
  /** Parameters: the replica's table, the keys and the versions of what is deleted. */
  delete: (values: [replica: string, keys: string[], versions: number[]]) => QueryConfig;
  readVersion: string;
}

interface ReplicaTable {
  table: string;
  key: string;
  columns: readonly string[];
  version?: string;
}

let made = 0;

/**
 * The statements that keep a replica, whatever its columns are. Rows travel as one JSON text: PostgreSQL turns it into rows of
 * the table's own types, and it costs less than an array a column.
 */
export function statementsOf(replica: ReplicaTable): ReplicaStatements {
  // Prepared once a connection.
  const name = `banyan-replica-${++made}`;
  const [upsert, remove] = [upsertSql(replica), deleteSql(replica)];
  return {
    upsert: (values) => ({ name: `${name}-upsert`, text: upsert, values }),
    delete: (values) => ({ name: `${name}-delete`, text: remove, values }),
    readVersion: readVersionSql(replica),
  };
}

function upsertSql({ table, key, columns, version }: ReplicaTable): string {
  const rest = columns.filter((column) => column !== key).map((column) => `${column} = excluded.${column}`);
  const action = rest.length === 0 ? 'do nothing' : `do update set ${rest.join(', ')}`;
  const names = columns.join(', ');
  const inverted =
    version === undefined
      ? 'select 0 as inversions'
      : `select count(*) as inversions from incoming i join ${table} t on t.${key} = i.${key} where t.${version} > i.${version}`;
  return `with incoming as materialized (select ${names} from json_populate_recordset(null::${table}, $1::json)),
    written as (insert into ${table} (${names}) select ${names} from incoming on conflict (${key}) ${action})
    ${inverted}`;
}

function deleteSql({ table, key }: ReplicaTable): string {
  return `with gone as (select * from unnest($2::text[], $3::bigint[]) as g (key, version)),
    deleted as (
      delete from ${table} t using (
        select r.${key} from gone, json_populate_record(null::${table}, json_build_object('${key}', gone.key)) r) d
      where t.${key} = d.${key})
    insert into banyan.tombstone (replica, key, version) select $1, key, version from gone
    on conflict (replica, key) do update set version = excluded.version, deleted_at = now()`;
}

function readVersionSql({ table, key, version }: ReplicaTable): string {
  return `select greatest(
    (select ${version ?? 'null'} from ${table}
      where ${key} = (json_populate_record(null::${table}, json_build_object('${key}', $1::text))).${key}),
    (select version from banyan.tombstone where replica = $2 and key = $1::text)) as version`;
}
