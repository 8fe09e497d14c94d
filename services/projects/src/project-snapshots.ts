import { ProjectSnapshotEvent } from '@banyan/contracts/projects';
import { snapshots } from '@banyan/outbox';
import { readProjects } from './project-store.js';

/** What `banyan backfill projects/project` publishes: each project as it is. */
export const projectSnapshots = snapshots({
  event: ProjectSnapshotEvent,
  table: 'project',
  key: 'id',
  load: async (tx, [ids = []]) => (await readProjects(tx, ids)).map((project) => ({ project })),
});
