import { TaskSnapshotEvent } from '@banyan/contracts/tasks';
import { snapshots } from '@banyan/outbox';
import { readTasks } from './task-store.js';

/** What `banyan backfill tasks/task` publishes: each task as it is. */
export const taskSnapshots = snapshots({
  event: TaskSnapshotEvent,
  table: 'task',
  key: 'id',
  load: async (tx, [ids = []]) => (await readTasks(tx, ids)).map((task) => ({ task })),
});
