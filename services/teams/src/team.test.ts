import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '@banyan/contracts';
import { Project } from '@banyan/contracts/projects';
import { TeamState, type Team } from '@banyan/contracts/teams';
import * as rules from './team.js';

const NOW = new Date('2026-01-02T03:04:05.678Z');
const created = rules.createTeam({ id: 't1', name: ' Roots ', now: NOW });

describe('a new team', () => {
  it('is active, without projects, at version 1', () => {
    expect(created.state).toMatchObject({
      name: 'Roots',
      state: TeamState.ACTIVE,
      projectIds: [],
      version: 1,
    });
    expect(created.fact?.event.type).toBe('TeamCreated');
  });
});

describe('any sequence of commands', () => {
  it('moves the version by one with each event and not at all without', () => {
    everySequence((before, { state, fact }) => {
      expect(state.version).toBe(before.version + (fact === undefined ? 0 : 1));
      if (fact === undefined) expect(state).toEqual(before);
      else expect(fact.data).toMatchObject({ team: state });
    });
  });

  it('never changes an archived team', () => {
    everySequence((before, { state }) => {
      if (before.state === TeamState.ARCHIVED) expect(state).toBe(before);
    });
  });

  it('attaches each project once', () => {
    everySequence((_before, { state }) => {
      expect(new Set(state.projectIds).size).toBe(state.projectIds.length);
    });
  });
});

describe('attaching a project', () => {
  it('is refused for a project that nobody knows or that another team owns', () => {
    const command = { projectId: 'p1', expectedVersion: 0, now: NOW };
    expect(() => rules.attachProject(created.state, { ...command, project: undefined })).toThrow(
      /no project/,
    );
    const foreign = Project.fromPartial({ id: 'p1', teamId: 't2' });
    expect(() => rules.attachProject(created.state, { ...command, project: foreign })).toThrow(/team t2/);
  });

  it('is refused when the team has a hundred', () => {
    const full = {
      ...created.state,
      projectIds: Array.from({ length: rules.MAX_PROJECTS }, (_, i) => `p${i}`),
    };
    expect(() => attach('one more')(full)).toThrow(/100 projects already/);
    expect(attach('p5')(full)).toEqual({ state: full, fact: undefined });
  });
});

type Step = (team: Team) => Change<Team>;

const command = { expectedVersion: 0, now: NOW };
const anyCommand: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom('a', 'b', ' a ').map(
    (name): Step =>
      (team) =>
        rules.renameTeam(team, { ...command, name }),
  ),
  fc.constantFrom('p1', 'p2', 'p3').map(attach),
  fc.constant<Step>((team) => rules.archiveTeam(team, command)),
);

function attach(projectId: string): Step {
  const project = Project.fromPartial({ id: projectId, teamId: 't1' });
  return (team) => rules.attachProject(team, { projectId, project, ...command });
}

/** Runs `check` on each step of random sequences. */
function everySequence(check: (before: Team, change: Change<Team>) => void): void {
  fc.assert(
    fc.property(fc.array(anyCommand), (commands) => {
      commands.reduce((team, step) => {
        const change = attempt(team, step);
        check(team, change);
        return change.state;
      }, created.state);
    }),
  );
}

/** A refusal changes nothing. */
function attempt(team: Team, step: Step): Change<Team> {
  try {
    return step(team);
  } catch {
    return { state: team, fact: undefined };
  }
}
