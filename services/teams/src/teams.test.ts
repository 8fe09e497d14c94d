import { status as Code, type ServiceError } from '@grpc/grpc-js';
import {
  MembershipState,
  TeamsServiceClient,
  teamsEvents,
  TeamState,
  type Membership,
  type Team,
} from '@banyan/contracts/teams';
import {
  freePort,
  temporaryFolder,
  testDatabase,
  type TemporaryFolder,
  type TestDatabase,
} from '@banyan/devstack';
import { silentLogger, type LogFields } from '@banyan/runtime';
import { clientFor, detailsOf, missingStatus, newId, unary, type ServiceHost } from '@banyan/service-host';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTeams } from './service.js';

let database: TestDatabase;
let folder: TemporaryFolder;
let host: ServiceHost;
let client: TeamsServiceClient;
const lost: LogFields[] = [];

// Projects, tasks and the broker are away: what needs them is tried with all three processes (see the seven edges).
beforeAll(async () => {
  folder = await temporaryFolder();
  database = await testDatabase({ roles: ['outbox', 'subscriber', 'teams'] });
  const nobody = `127.0.0.1:${await freePort()}`;
  host = await startTeams({
    databaseUrl: database.url,
    address: '127.0.0.1:0',
    projectsAddress: nobody,
    tasksAddress: nobody,
    natsUrl: nobody,
    stateDir: folder.path,
    logger: { ...silentLogger, error: (_message, fields = {}) => 'edge' in fields && lost.push(fields) },
  });
  client = clientFor(TeamsServiceClient, host.address, { caller: 'tests' });
});

beforeEach(() => {
  lost.length = 0;
});

afterAll(async () => {
  client.close();
  await host.stop();
  await database.drop();
  await folder.remove();
});

describe('a team', () => {
  it('is created, renamed and archived, with an event for each', async () => {
    const { id } = await create(' Roots ');
    const renamed = await rename({ id, name: 'Crown', expectedVersion: 1 });
    expect(renamed).toMatchObject({ name: 'Crown', version: 2, state: TeamState.ACTIVE });
    const { team } = await unary(client.archiveTeam.bind(client), { id, expectedVersion: 2 });
    expect(team).toMatchObject({ state: TeamState.ARCHIVED, version: 3 });
    expect((await unary(client.getTeam.bind(client), { id })).team).toEqual(team);
    const events = await published('team', id);
    expect(events.map(({ type }) => type)).toEqual(['TeamCreated', 'TeamRenamed', 'TeamArchived']);
    expect(events[1]?.data).toEqual({ team: renamed, previousName: 'Roots' });
    expect(events[2]?.data).toEqual({ team });
  });

  it('refuses a change meant for another version', async () => {
    const { id } = await create('Roots');
    const error = await failure(rename({ id, name: 'Crown', expectedVersion: 5 }));
    expect(error.code).toBe(Code.ABORTED);
    expect(detailsOf(error).info?.metadata).toMatchObject({ currentVersion: '1' });
  });

  it('attaches no project while projects is away', async () => {
    const { id } = await create('Roots');
    const wish = { id, projectId: newId(), expectedVersion: 0 };
    expect((await failure(unary(client.attachProject.bind(client), wish))).code).toBe(Code.UNAVAILABLE);
  });

  it('has a page without any call while it has no projects', async () => {
    const team = await create('Roots');
    const page = await unary(client.getTeamPage.bind(client), { id: team.id });
    expect(page).toEqual({ team, projects: [] });
  });

  it('is not found by an id that nobody has, and refused by what is no id', async () => {
    const get = client.getTeam.bind(client);
    const id = newId();
    expectSame(await failure(unary(get, { id })), missingStatus('teams', 'team', id));
    expect((await failure(unary(get, { id: "'; drop table team" }))).code).toBe(Code.INVALID_ARGUMENT);
  });
});

describe('a membership', () => {
  it('begins, ends and begins again, one version after the other', async () => {
    const { id: teamId } = await create('Roots');
    const key = { teamId, memberId: 'ann' };
    const joined = await add(key);
    expect(joined).toMatchObject({ id: `${teamId}.ann`, version: 1, state: MembershipState.ACTIVE });
    expect(await remove(key)).toMatchObject({ version: 2, state: MembershipState.LEFT });
    expect(await membership(key)).toMatchObject({ version: 2, state: MembershipState.LEFT });
    expect(await add(key)).toMatchObject({ version: 3, createdAt: joined?.createdAt });
    const events = await published('membership', `${teamId}.ann`);
    expect(events.map(({ type }) => type)).toEqual(['MemberAdded', 'MemberRemoved', 'MemberAdded']);
  });

  it('begins once, however many add the same person at the same time', async () => {
    const { id: teamId } = await create('Roots');
    const people = Array.from({ length: 5 }, (_, i) => ({ teamId, memberId: `m${i}` }));
    const added = await Promise.all(people.flatMap((key) => Array.from({ length: 6 }, () => add(key))));
    expect(new Set(added.map((one) => one?.version))).toEqual(new Set([1]));
    for (const { memberId } of people) {
      expect(await published('membership', `${teamId}.${memberId}`)).toHaveLength(1);
    }
  });

  it('ends although tasks is away, and the lost effect is logged', async () => {
    const { id: teamId } = await create('Roots');
    const key = { teamId, memberId: 'ann' };
    await add(key);
    expect(await remove(key)).toMatchObject({ state: MembershipState.LEFT });
    expect(lost).toMatchObject([{ edge: 'teams -> tasks.UnassignMember' }]);
    await remove(key);
    expect(lost).toHaveLength(1);
  });

  it('is not found for somebody who never was in the team', async () => {
    const { id: teamId } = await create('Roots');
    const error = await failure(membership({ teamId, memberId: 'eve' }));
    expect(detailsOf(error).info?.reason).toBe('MEMBERSHIP_NOT_FOUND');
    expectSame(error, missingStatus('teams', 'membership', `${teamId}.eve`));
  });

  it('cannot begin in an archived team', async () => {
    const { id } = await create('Roots');
    await unary(client.archiveTeam.bind(client), { id, expectedVersion: 0 });
    const error = await failure(add({ teamId: id, memberId: 'ann' }));
    expect(error.code).toBe(Code.FAILED_PRECONDITION);
  });
});

describe('lists', () => {
  it('show every team once, oldest first', async () => {
    const created = [await create('one'), await create('two'), await create('three')];
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await unary(client.listTeams.bind(client), { pageSize: 2, pageToken });
      seen.push(...page.teams.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(created.map(({ id }) => id)));
  });

  it('show only who is in the team now, page by page', async () => {
    const { id: teamId } = await create('Roots');
    for (const memberId of ['dan', 'ann', 'cyd', 'bob']) await add({ teamId, memberId });
    await remove({ teamId, memberId: 'cyd' });
    const list = client.listMembers.bind(client);
    const first = await unary(list, { teamId, pageSize: 2, pageToken: '' });
    const second = await unary(list, { teamId, pageSize: 2, pageToken: first.nextPageToken });
    const names = [...first.memberships, ...second.memberships].map(({ memberId }) => memberId);
    expect(names).toEqual(['ann', 'bob', 'dan']);
    expect(second.nextPageToken).toBe('');
  });

  it('refuse a token of another list', async () => {
    const token = Buffer.from('after:ann').toString('base64url');
    const error = await failure(unary(client.listTeams.bind(client), { pageSize: 0, pageToken: token }));
    expect(error.code).toBe(Code.INVALID_ARGUMENT);
  });
});

interface Key {
  teamId: string;
  memberId: string;
}

async function create(name: string): Promise<Team> {
  const { team } = await unary(client.createTeam.bind(client), { name });
  if (team === undefined) throw new Error('no team');
  return team;
}

async function rename(request: {
  id: string;
  name: string;
  expectedVersion: number;
}): Promise<Team | undefined> {
  return (await unary(client.renameTeam.bind(client), request)).team;
}

async function add(key: Key): Promise<Membership | undefined> {
  return (await unary(client.addMember.bind(client), key)).membership;
}

async function remove(key: Key): Promise<Membership | undefined> {
  const request = { ...key, expectedVersion: 0 };
  return (await unary(client.removeMember.bind(client), request)).membership;
}

async function membership(key: Key): Promise<Membership | undefined> {
  return (await unary(client.getMembership.bind(client), key)).membership;
}

/** What the outbox holds about an aggregate, in its order. */
async function published(aggregate: string, id: string): Promise<{ type: string; data: unknown }[]> {
  const { rows } = await database.pool.query<{ type: string; payload: Buffer }>(
    `select event_type as type, payload from banyan.outbox
     where aggregate_type = $1 and aggregate_id = $2 order by seq`,
    [aggregate, id],
  );
  return rows.map(({ type, payload }) => {
    const event = Object.values(teamsEvents).find((candidate) => candidate.type === type);
    return { type, data: event?.decode(payload) };
  });
}

async function failure(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: unknown) => error as ServiceError,
  );
}

/** Who answers from a replica of teams says the same. */
function expectSame(error: ServiceError, status: ReturnType<typeof missingStatus>): void {
  expect([error.code, error.details]).toEqual([status.code, status.details]);
  expect(detailsOf(error)).toEqual(detailsOf(status));
}
