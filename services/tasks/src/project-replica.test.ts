import { factOf } from '@banyan/contracts';
import {
  ProjectArchivedEvent,
  ProjectCreatedEvent,
  ProjectRenamedEvent,
  ProjectSnapshotEvent,
  ProjectState,
  TaskActivity,
  TaskActivityRecordedEvent,
  type Project,
} from '@banyan/contracts/projects';
import { testDatabase, type TestDatabase } from '@banyan/devstack';
import { newId } from '@banyan/service-host';
import { scenario } from '@banyan/subscriber/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectReplica, readProject } from './project-replica.js';

let database: TestDatabase;
const [id, teamId, taskId] = [newId(), newId(), newId()];

beforeAll(async () => {
  database = await testDatabase({ roles: ['outbox', 'subscriber', 'tasks'] });
});

afterAll(() => database.drop());

it('keeps each project as it was after its last event', async () => {
  const activity = TaskActivity.OPENED;
  await scenario({ databaseUrl: database.url, handlers: [projectReplica] })
    .given(
      factOf(ProjectCreatedEvent, { project: projectOf(1, {}) }),
      factOf(ProjectRenamedEvent, { project: projectOf(2, { name: 'Wood' }), previousName: 'Grove' }),
      factOf(TaskActivityRecordedEvent, { project: projectOf(3, { openTasks: 1 }), taskId, activity }),
      factOf(ProjectSnapshotEvent, { project: projectOf(3, { openTasks: 1 }) }),
    )
    .when(
      factOf(ProjectArchivedEvent, { project: projectOf(4, { openTasks: 1, state: ProjectState.ARCHIVED }) }),
    )
    .then([
      {
        ...{ project_id: id, team_id: teamId, name: 'Grove', state: 'archived', open_tasks: 1, version: 4 },
        ...{ created_at: createdAt, updated_at: updatedAt },
      },
    ]);
});

it('answers nothing for an id that no project can have', async () => {
  expect(await readProject(database.pool, { id: 'none' })).toBeUndefined();
  expect(await readProject(database.pool, { id: newId() })).toBeUndefined();
});

const [createdAt, updatedAt] = [new Date(1_700_000_000_000), new Date(1_700_000_001_000)];

function projectOf(version: number, given: Partial<Project>): Project {
  const whole = { id, teamId, name: 'Grove', state: ProjectState.ACTIVE, openTasks: 0 };
  return { ...whole, version, createdAt, updatedAt, ...given };
}
