import { MembershipSnapshotEvent, TeamSnapshotEvent } from '@banyan/contracts/teams';
import { snapshots } from '@banyan/outbox';
import { readMemberships } from './membership-store.js';
import { readTeams } from './team-store.js';

/** What `banyan backfill teams/team` publishes: each team as it is. */
export const teamSnapshots = snapshots({
  event: TeamSnapshotEvent,
  table: 'team',
  key: 'id',
  load: async (tx, [ids = []]) => (await readTeams(tx, ids)).map((team) => ({ team })),
});

/** What `banyan backfill teams/membership` publishes: each membership as it is, ended ones too. */
export const membershipSnapshots = snapshots({
  event: MembershipSnapshotEvent,
  table: 'membership',
  key: ['team_id', 'member_id'],
  load: async (tx, [teamIds = [], memberIds = []]) =>
    (await readMemberships(tx, { teamIds, memberIds })).map((membership) => ({ membership })),
});
