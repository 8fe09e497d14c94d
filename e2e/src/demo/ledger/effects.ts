import type pg from 'pg';

/** What the reactions should have done and have not, or more than once. All are 0 when each was done once. */
export interface EffectReport {
  /** Projects whose count of open tasks is not the number of their open tasks. */
  miscounted: number;
  /** Tasks of archived projects that are not archived. */
  unarchived: number;
  /** Tasks of somebody who has left the team. */
  stillAssigned: number;
  /** What there was to be done right: projects counted, archived projects, members who left. */
  projects: number;
  archived: number;
  left: number;
}

const OPEN = `select project_id::text as id, count(*)::int as open from task where state = 'open' group by 1`;
const COUNTED = `select id::text, open_tasks as open, state = 'archived' as archived from project`;
const LEFT = `select team_id::text || '.' || member_id as id from membership where state = 'left'`;
const UNARCHIVED = `select count(*)::int as n from task where state <> 'archived' and project_id::text = any ($1)`;
const ASSIGNED = `
select count(*)::int as n from task where state <> 'archived' and team_id::text || '.' || assignee_id = any ($1)`;

export function areEffectsRight({ miscounted, unarchived, stillAssigned }: EffectReport): boolean {
  return miscounted + unarchived + stillAssigned === 0;
}

/** Compares what reactions have done with what they should have done. @param pool the pool of a service's database */
export async function readEffects(pool: (database: string) => pg.Pool): Promise<EffectReport> {
  const [open, counted, left] = await Promise.all([
    pool('tasks').query<{ id: string; open: number }>(OPEN),
    pool('projects').query<{ id: string; open: number; archived: boolean }>(COUNTED),
    pool('teams').query<{ id: string }>(LEFT),
  ]);
  const truth = new Map(open.rows.map((row) => [row.id, row.open]));
  const archived = counted.rows.filter((project) => project.archived).map(({ id }) => id);
  const gone = left.rows.map(({ id }) => id);
  return {
    miscounted: counted.rows.filter((project) => project.open !== (truth.get(project.id) ?? 0)).length,
    unarchived: await count(pool('tasks'), UNARCHIVED, archived),
    stillAssigned: await count(pool('tasks'), ASSIGNED, gone),
    projects: counted.rows.length,
    archived: archived.length,
    left: gone.length,
  };
}

async function count(pool: pg.Pool, query: string, ids: readonly string[]): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(query, [ids]);
  return rows[0]?.n ?? 0;
}
