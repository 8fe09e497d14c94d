import { MembershipState, type Membership } from '@banyan/contracts/teams';
import type { Queryable } from '@banyan/runtime';
import type { Page } from '@banyan/service-host';
import { membershipId } from './membership.js';

/** The SQL of memberships. Each function runs in the caller's transaction, if it has one. */

const COLUMNS = 'team_id, member_id, state, version, created_at, updated_at';

const INSERT = `insert into membership (${COLUMNS}) values ($1, $2, $3, $4, $5, $6)`;

const UPDATE = `
  update membership set state = $4, version = $5, updated_at = $6
  where team_id = $1 and member_id = $2 and version = $3`;

const FIND = `select ${COLUMNS} from membership where team_id = $1 and member_id = $2`;

const READ = `
  select ${COLUMNS} from membership
  where (team_id, member_id) in (select * from unnest($1::uuid[], $2::text[]))`;

const LIST_ACTIVE = `
  select ${COLUMNS} from membership
  where team_id = $1 and state = 'active' and ($2::text is null or member_id > $2)
  order by member_id limit $3`;

interface MembershipRow {
  team_id: string;
  member_id: string;
  state: 'active' | 'left';
  // bigint: pg hands it out as text.
  version: string;
  created_at: Date;
  updated_at: Date;
}

/** Whose membership of which team. */
export interface MembershipKey {
  teamId: string;
  memberId: string;
}

export async function findMembership(db: Queryable, key: MembershipKey): Promise<Membership | undefined> {
  const { rows } = await db.query<MembershipRow>(FIND, [key.teamId, key.memberId]);
  return rows.map(membershipOf)[0];
}

/** Reads a membership and keeps others from changing it until the transaction ends. */
export async function lockMembership(tx: Queryable, key: MembershipKey): Promise<Membership | undefined> {
  const { rows } = await tx.query<MembershipRow>(`${FIND} for update`, [key.teamId, key.memberId]);
  return rows.map(membershipOf)[0];
}

/** The memberships of these keys, in any order: of people who left as well. */
export async function readMemberships(
  db: Queryable,
  keys: { teamIds: readonly string[]; memberIds: readonly string[] },
): Promise<Membership[]> {
  const { rows } = await db.query<MembershipRow>(READ, [keys.teamIds, keys.memberIds]);
  return rows.map(membershipOf);
}

/** One page of those who are in the team now and one row more, by member id. */
export async function listActive(db: Queryable, page: Page, teamId: string): Promise<Membership[]> {
  const values = [teamId, page.after ?? null, page.size + 1];
  const { rows } = await db.query<MembershipRow>(LIST_ACTIVE, values);
  return rows.map(membershipOf);
}

/** Writes what a rule decided: a first row, or over the version that it was decided on. */
export async function saveMembership(
  tx: Queryable,
  before: Membership | undefined,
  after: Membership,
): Promise<void> {
  const { teamId, memberId, version, createdAt, updatedAt } = after;
  const state = columnOf(after.state);
  if (before === undefined) {
    await tx.query(INSERT, [teamId, memberId, state, version, createdAt, updatedAt]);
    return;
  }
  const { rowCount } = await tx.query(UPDATE, [teamId, memberId, before.version, state, version, updatedAt]);
  if (rowCount !== 1) {
    throw new Error(`membership ${before.id} left version ${before.version} while it was locked`);
  }
}

function membershipOf(row: MembershipRow): Membership {
  return {
    id: membershipId(row.team_id, row.member_id),
    version: Number(row.version),
    teamId: row.team_id,
    memberId: row.member_id,
    state: row.state === 'active' ? MembershipState.ACTIVE : MembershipState.LEFT,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function columnOf(state: MembershipState): MembershipRow['state'] {
  if (state === MembershipState.ACTIVE) return 'active';
  if (state === MembershipState.LEFT) return 'left';
  throw new Error(`a membership cannot be kept in state ${state}`);
}
