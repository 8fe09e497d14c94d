import {
  MemberAddedEvent,
  MemberRemovedEvent,
  MembershipSnapshotEvent,
  MembershipState,
  type GetMembershipRequest,
  type GetMembershipResponse,
  type Membership,
} from '@banyan/contracts/teams';
import type { Queryable } from '@banyan/runtime';
import { replica, rowFrom, type ReplicaRow } from '@banyan/subscriber';

/** What tasks keeps of memberships: one row each, of those who left too. */
export const membershipReplica = replica({
  table: 'membership_replica',
  key: 'membership_id',
  columns: ['membership_id', 'team_id', 'member_id', 'state', 'version', 'created_at', 'updated_at'],
  version: 'version',
  mappings: [
    rowFrom(MemberAddedEvent, ({ membership }) => rowOf(membership)),
    rowFrom(MemberRemovedEvent, ({ membership }) => rowOf(membership)),
    rowFrom(MembershipSnapshotEvent, ({ membership }) => rowOf(membership)),
  ],
});

const READ = `
select membership_id, team_id, member_id, state, version, created_at, updated_at
from membership_replica where membership_id = $1`;

interface Row {
  membership_id: string;
  team_id: string;
  member_id: string;
  state: 'active' | 'left';
  // bigint: pg hands it out as text.
  version: string;
  created_at: Date;
  updated_at: Date;
}

/** The id of a membership, as teams makes it. */
export function membershipIdOf({ teamId, memberId }: GetMembershipRequest): string {
  return `${teamId}.${memberId}`;
}

/** The answer that `teams.GetMembership` gives; undefined for somebody who never was a member. */
export async function readMembership(
  db: Queryable,
  request: GetMembershipRequest,
): Promise<GetMembershipResponse | undefined> {
  const { rows } = await db.query<Row>(READ, [membershipIdOf(request)]);
  const [row] = rows;
  return row === undefined ? undefined : { membership: membershipOf(row) };
}

function rowOf(membership: Membership | undefined): ReplicaRow {
  if (membership?.createdAt === undefined || membership.updatedAt === undefined) {
    throw new Error('the event carries no whole membership');
  }
  return {
    membership_id: membership.id,
    team_id: membership.teamId,
    member_id: membership.memberId,
    state: membership.state === MembershipState.ACTIVE ? 'active' : 'left',
    version: membership.version,
    created_at: membership.createdAt,
    updated_at: membership.updatedAt,
  };
}

function membershipOf(row: Row): Membership {
  return {
    id: row.membership_id,
    version: Number(row.version),
    teamId: row.team_id,
    memberId: row.member_id,
    state: row.state === 'active' ? MembershipState.ACTIVE : MembershipState.LEFT,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
