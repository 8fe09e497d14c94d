import type { Pool, PoolClient } from 'pg';
import type { Change } from '@banyan/contracts';
import type * as api from '@banyan/contracts/teams';
import type { EmitReacting, Reactions } from '@banyan/edge';
import { cutPage, inTransaction, readPage, type CallContext } from '@banyan/service-host';
import { missing, Validation } from '@banyan/service-host/rules';
import * as rules from './membership.js';
import * as store from './membership-store.js';
import { findTeam, lockTeam } from './team-store.js';

export interface MembersParts {
  pool: Pool;
  /** What follows from changes of memberships elsewhere. */
  reactions: Reactions;
}

/** The methods of teams.v1.TeamsService that are about who is in a team. */
export class MembersHandlers {
  readonly #parts: MembersParts;

  constructor(parts: MembersParts) {
    this.#parts = parts;
  }

  async addMember(request: api.AddMemberRequest, context: CallContext): Promise<api.AddMemberResponse> {
    const { teamId, memberId } = request;
    validKey(request).done();
    return this.#inTransaction(context, async (tx, emit) => {
      // The team's lock also keeps two first rows of the same person apart.
      const team = await lockTeam(tx, teamId);
      if (team === undefined) throw missing('team', teamId);
      const before = await store.lockMembership(tx, request);
      const added = rules.addMember({ team, memberId, before, now: new Date() });
      await save(tx, before, { change: added, emit });
      return { membership: added.state };
    });
  }

  async removeMember(
    request: api.RemoveMemberRequest,
    context: CallContext,
  ): Promise<api.RemoveMemberResponse> {
    const { expectedVersion } = request;
    validKey(request).version('expected_version', expectedVersion).done();
    return this.#inTransaction(context, async (tx, emit) => {
      const before = await store.lockMembership(tx, request);
      if (before === undefined) throw unknown(request);
      const change = rules.removeMember(before, { expectedVersion, now: new Date() });
      await save(tx, before, { change, emit });
      return { membership: change.state };
    });
  }

  async getMembership(request: api.GetMembershipRequest): Promise<api.GetMembershipResponse> {
    validKey(request).done();
    const membership = await store.findMembership(this.#parts.pool, request);
    if (membership === undefined) throw unknown(request);
    return { membership };
  }

  async listMembers(request: api.ListMembersRequest): Promise<api.ListMembersResponse> {
    const { teamId } = request;
    new Validation().id('team_id', teamId).done();
    const page = readPage(request, 'token');
    if ((await findTeam(this.#parts.pool, teamId)) === undefined) throw missing('team', teamId);
    const rows = await store.listActive(this.#parts.pool, page, teamId);
    const { items, nextPageToken } = cutPage(rows, page, ({ memberId }) => memberId);
    return { memberships: items, nextPageToken };
  }

  #inTransaction<T>(
    context: CallContext,
    work: (tx: PoolClient, emit: EmitReacting) => Promise<T>,
  ): Promise<T> {
    const { pool, reactions } = this.#parts;
    return reactions.transaction((run) => inTransaction(pool, context, run), work);
  }
}

function validKey({ teamId, memberId }: store.MembershipKey): Validation {
  return new Validation().id('team_id', teamId).token('member_id', memberId);
}

function unknown({ teamId, memberId }: store.MembershipKey): Error {
  return missing('membership', rules.membershipId(teamId, memberId));
}

async function save(
  tx: PoolClient,
  before: api.Membership | undefined,
  { change: { state, fact }, emit }: { change: Change<api.Membership>; emit: EmitReacting },
): Promise<void> {
  if (fact === undefined) return;
  await store.saveMembership(tx, before, state);
  await emit(fact.event, fact.data);
}
