import { factOf } from '@banyan/contracts';
import {
  MemberAddedEvent,
  MemberRemovedEvent,
  MembershipSnapshotEvent,
  MembershipState,
  type Membership,
} from '@banyan/contracts/teams';
import { testDatabase, type TestDatabase } from '@banyan/devstack';
import { newId } from '@banyan/service-host';
import { scenario } from '@banyan/subscriber/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { membershipReplica, readMembership } from './membership-replica.js';

let database: TestDatabase;
const teamId = newId();

beforeAll(async () => {
  database = await testDatabase({ roles: ['outbox', 'subscriber', 'tasks'] });
});

afterAll(() => database.drop());

it('keeps who left, and takes them back in', async () => {
  const [joined, left, back] = [1, 2, 3].map((version) =>
    membershipOf({ memberId: 'ann', version, state: version === 2 ? LEFT : ACTIVE }),
  );
  const bob = membershipOf({ memberId: 'bob', version: 4, state: LEFT });
  await scenario({ databaseUrl: database.url, handlers: [membershipReplica] })
    .given(
      factOf(MemberAddedEvent, { membership: joined }),
      factOf(MemberRemovedEvent, { membership: left }),
      factOf(MembershipSnapshotEvent, { membership: bob }),
    )
    .when(factOf(MemberAddedEvent, { membership: back }))
    .then([
      { ...row('ann'), state: 'active', version: 3 },
      { ...row('bob'), state: 'left', version: 4 },
    ]);
});

it('answers nothing for somebody who never was a member', async () => {
  expect(await readMembership(database.pool, { teamId, memberId: 'eve' })).toBeUndefined();
});

const { ACTIVE, LEFT } = MembershipState;
const [createdAt, updatedAt] = [new Date(1_700_000_000_000), new Date(1_700_000_001_000)];

function membershipOf(given: Pick<Membership, 'memberId' | 'version' | 'state'>): Membership {
  return { id: `${teamId}.${given.memberId}`, teamId, createdAt, updatedAt, ...given };
}

const row = (memberId: string) => ({
  membership_id: `${teamId}.${memberId}`,
  team_id: teamId,
  member_id: memberId,
  created_at: createdAt,
  updated_at: updatedAt,
});
