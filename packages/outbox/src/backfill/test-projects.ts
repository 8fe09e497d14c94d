import { defineEvent, type EventDefinition } from '@banyan/contracts';
import { snapshots, type Snapshots } from './snapshots.js';

/** A source with 500 projects, for tests. */

export interface Project {
  id: string;
  version: number;
  name: string;
}

export const TABLE =
  'create table project (id integer primary key, version bigint not null, name text not null)';
export const FILL = `insert into project select i, 1, 'p' || i from generate_series(1, 500) i`;

const READ = 'select id::text, version::integer, name from project where id = any ($1)';

export function snapshotEvent(source: string): EventDefinition<Project> {
  return defineEvent<Project>({
    source,
    aggregate: 'project',
    type: 'ProjectSnapshot',
    codec: {
      encode: (message) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
      decode: (input) => JSON.parse(Buffer.from(input).toString()) as Project,
    },
    key: ({ id }) => id,
    version: ({ version }) => version,
  });
}

export function projectSnapshots(source: string, lose: (row: Project) => boolean): Snapshots {
  return snapshots({
    event: snapshotEvent(source),
    table: 'project',
    key: 'id',
    load: async (tx, keys) => (await tx.query<Project>(READ, [...keys])).rows.filter((row) => !lose(row)),
  });
}
