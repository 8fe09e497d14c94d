import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MembershipState, TeamState, type Membership } from '@banyan/contracts/teams';
import { addMember, removeMember } from './membership.js';
import { createTeam } from './team.js';

const NOW = new Date('2026-01-02T03:04:05.678Z');
const team = createTeam({ id: 't1', name: 'Roots', now: NOW }).state;

describe('a membership', () => {
  it('has an id that team and member make up', () => {
    const { state, fact } = addMember({ team, memberId: 'ann', before: undefined, now: NOW });
    expect(state).toMatchObject({ id: 't1.ann', version: 1, state: MembershipState.ACTIVE });
    expect(fact?.event.type).toBe('MemberAdded');
  });

  it('goes on counting its version through any coming and going', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1 }), (joins) => {
        let now: Membership | undefined;
        let events = 0;
        for (const joining of joins) {
          if (!joining && now === undefined) continue;
          const change = joining || now === undefined ? join(now) : leave(now);
          events += change.fact === undefined ? 0 : 1;
          now = change.state;
          expect(now.version).toBe(events);
        }
      }),
    );
  });

  it('of an archived team cannot begin, but can end', () => {
    const archived = { ...team, state: TeamState.ARCHIVED };
    const before = join(undefined).state;
    expect(() => addMember({ team: archived, memberId: 'bob', before: undefined, now: NOW })).toThrow(
      /archived/,
    );
    expect(addMember({ team: archived, memberId: 'ann', before, now: NOW }).fact).toBeUndefined();
    expect(leave(before).state.state).toBe(MembershipState.LEFT);
  });

  it('refuses what was meant for another version', () => {
    const before = join(undefined).state;
    expect(() => removeMember(before, { expectedVersion: 3, now: NOW })).toThrow(/at version 1, not 3/);
  });
});

function join(before: Membership | undefined): ReturnType<typeof addMember> {
  return addMember({ team, memberId: 'ann', before, now: NOW });
}

function leave(before: Membership): ReturnType<typeof removeMember> {
  return removeMember(before, { expectedVersion: 0, now: NOW });
}
