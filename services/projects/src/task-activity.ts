import { TaskActivity, type RecordTaskActivityRequest } from '@banyan/contracts/projects';
import {
  TaskArchivedEvent,
  TaskCompletedEvent,
  TaskCreatedEvent,
  TaskReopenedEvent,
  TaskState,
  type Task,
} from '@banyan/contracts/tasks';
import { trigger } from '@banyan/edge';

const { OPENED, CLOSED } = TaskActivity;

/** What events of tasks tell projects: that one more task is open, or one fewer. Archiving one that was done changes neither. */
export const taskActivity = [
  trigger(TaskCreatedEvent, ({ task }) => reportOf(task, OPENED)),
  trigger(TaskReopenedEvent, ({ task }) => reportOf(task, OPENED)),
  trigger(TaskCompletedEvent, ({ task }) => reportOf(task, CLOSED)),
  trigger(TaskArchivedEvent, ({ task, previousState }) =>
    previousState === TaskState.OPEN ? reportOf(task, CLOSED) : undefined,
  ),
];

function reportOf(task: Task | undefined, activity: TaskActivity): RecordTaskActivityRequest | undefined {
  return task && { projectId: task.projectId, taskId: task.id, activity };
}
