import { factOf, type Change } from '@banyan/contracts';
import {
  MemberAddedEvent,
  MemberRemovedEvent,
  MembershipState,
  type Membership,
  type Team,
} from '@banyan/contracts/teams';
import { checkVersion } from '@banyan/service-host/rules';
import { refuseArchived } from './team.js';

/** The rules of memberships: state and command in, state and event out, or a DomainError. */

export interface NewMember {
  team: Team;
  memberId: string;
  /** What is known of this person in this team; undefined if nothing. */
  before: Membership | undefined;
  now: Date;
}

/** Adding somebody who is in the team changes nothing; somebody who left comes back with the next version. */
export function addMember({ team, memberId, before, now }: NewMember): Change<Membership> {
  if (before?.state === MembershipState.ACTIVE) return { state: before, fact: undefined };
  refuseArchived(team);
  const membership: Membership = {
    id: membershipId(team.id, memberId),
    version: (before?.version ?? 0) + 1,
    teamId: team.id,
    memberId,
    state: MembershipState.ACTIVE,
    createdAt: before?.createdAt ?? now,
    updatedAt: now,
  };
  return { state: membership, fact: factOf(MemberAddedEvent, { membership }) };
}

/** People may leave an archived team. Leaving twice changes nothing. */
export function removeMember(
  before: Membership,
  command: { expectedVersion: number; now: Date },
): Change<Membership> {
  checkVersion('membership', before, command.expectedVersion);
  if (before.state === MembershipState.LEFT) return { state: before, fact: undefined };
  const state = MembershipState.LEFT;
  const membership = { ...before, state, version: before.version + 1, updatedAt: command.now };
  return { state: membership, fact: factOf(MemberRemovedEvent, { membership }) };
}

/** Anybody who knows both can compute it: neither holds a dot. */
export function membershipId(teamId: string, memberId: string): string {
  return `${teamId}.${memberId}`;
}
