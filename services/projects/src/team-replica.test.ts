import { factOf } from '@banyan/contracts';
import {
  ProjectAttachedEvent,
  TeamArchivedEvent,
  TeamCreatedEvent,
  TeamState,
  type Team,
} from '@banyan/contracts/teams';
import { testDatabase, type TestDatabase } from '@banyan/devstack';
import { newId } from '@banyan/service-host';
import { scenario } from '@banyan/subscriber/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readTeam, teamReplica } from './team-replica.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase({ roles: ['outbox', 'subscriber', 'projects'] });
});

afterAll(() => database.drop());

it('keeps each team as it was after its last event', async () => {
  // Rows are compared by id.
  const [id, other, project] = [newId(1), newId(2), newId(3)];
  const team = teamOf({ id });
  const attached = { ...team, version: 2, projectIds: [project] };
  const archived = { ...attached, version: 3, state: TeamState.ARCHIVED };
  await scenario({ databaseUrl: database.url, handlers: [teamReplica] })
    .given(
      factOf(TeamCreatedEvent, { team }),
      factOf(TeamCreatedEvent, { team: teamOf({ id: other }) }),
      factOf(ProjectAttachedEvent, { team: attached, projectId: project }),
    )
    .when(factOf(TeamArchivedEvent, { team: archived }))
    .then([rowOf(archived), rowOf(teamOf({ id: other }))]);
});

it('answers nothing for an id that no team can have', async () => {
  expect(await readTeam(database.pool, { id: 'none' })).toBeUndefined();
  expect(await readTeam(database.pool, { id: newId() })).toBeUndefined();
});

function teamOf(given: Partial<Team>): Team {
  const [createdAt, updatedAt] = [new Date(1_700_000_000_000), new Date(1_700_000_001_000)];
  const whole = { id: '', version: 1, name: 'Roots', state: TeamState.ACTIVE, projectIds: [] };
  return { ...whole, createdAt, updatedAt, ...given };
}

function rowOf({ id, name, state, projectIds, version, createdAt, updatedAt }: Team) {
  return {
    team_id: id,
    name,
    state: state === TeamState.ARCHIVED ? 'archived' : 'active',
    project_ids: projectIds,
    version,
    created_at: createdAt,
    updated_at: updatedAt,
  };
}
