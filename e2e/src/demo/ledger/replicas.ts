import type pg from 'pg';

/** How two tables that should hold the same rows compare. */
export interface ReplicaReport {
  sourceRows: number;
  replicaRows: number;
  /** In the source and not in the replica. */
  missing: number;
  /** In the replica and not in the source. */
  extra: number;
  different: number;
}

/** A replica, and the rows of its source that it should hold; both queries give `id` and the rest as `row`. */
interface ReplicaPair {
  name: string;
  source: { database: string; rows: string };
  copy: { database: string; rows: string };
}

const PROJECTS = `select id::text, to_jsonb(p) - 'id' as row from project p`;
const PROJECT_COPIES = `select project_id::text as id, to_jsonb(p) - 'project_id' as row from project_replica p`;

/** Of each query edge. */
const PAIRS: readonly ReplicaPair[] = [
  {
    name: 'projects in tasks',
    source: { database: 'projects', rows: PROJECTS },
    copy: { database: 'tasks', rows: PROJECT_COPIES },
  },
  {
    name: 'memberships in tasks',
    source: {
      database: 'teams',
      rows: `select team_id || '.' || member_id as id, to_jsonb(m) as row from membership m`,
    },
    copy: {
      database: 'tasks',
      rows: `select membership_id as id, to_jsonb(m) - 'membership_id' as row from membership_replica m`,
    },
  },
  {
    name: 'projects in teams',
    source: { database: 'projects', rows: PROJECTS },
    copy: { database: 'teams', rows: PROJECT_COPIES },
  },
  {
    name: 'teams in projects',
    source: { database: 'teams', rows: `select id::text, to_jsonb(t) - 'id' as row from team t` },
    copy: {
      database: 'projects',
      rows: `select team_id::text as id, to_jsonb(t) - 'team_id' as row from team_replica t`,
    },
  },
];

/** Whether a replica holds just what its source holds. */
export function isSame({ sourceRows, replicaRows, missing, extra, different }: ReplicaReport): boolean {
  return sourceRows > 0 && sourceRows === replicaRows && missing + extra + different === 0;
}

/** Compares every replica with its source, row by row. @param pool the pool of a service's database */
export async function compareReplicas(
  pool: (database: string) => pg.Pool,
): Promise<Record<string, ReplicaReport>> {
  const reports = PAIRS.map(async ({ name, source, copy }): Promise<[string, ReplicaReport]> => {
    const [original, copied] = await Promise.all([
      rowsOf(pool(source.database), source.rows),
      rowsOf(pool(copy.database), copy.rows),
    ]);
    return [name, compare(original, copied)];
  });
  return Object.fromEntries(await Promise.all(reports));
}

type Rows = ReadonlyMap<string, string>;

function compare(original: Rows, copy: Rows): ReplicaReport {
  const ids = [...original.keys()];
  return {
    sourceRows: original.size,
    replicaRows: copy.size,
    missing: ids.filter((id) => !copy.has(id)).length,
    extra: [...copy.keys()].filter((id) => !original.has(id)).length,
    different: ids.filter((id) => copy.has(id) && copy.get(id) !== original.get(id)).length,
  };
}

async function rowsOf(pool: pg.Pool, query: string): Promise<Rows> {
  const { rows } = await pool.query<{ id: string; row: object }>(query);
  return new Map(rows.map(({ id, row }) => [id, JSON.stringify(row)]));
}
