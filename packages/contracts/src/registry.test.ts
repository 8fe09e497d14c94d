import { describe, expect, it } from 'vitest';
import { MemberAdded, MemberAddedEvent, MembershipState, teamsEvents } from './teams.js';
import { ProjectRenamed, ProjectRenamedEvent, projectsEvents } from './projects.js';
import { tasksEvents } from './tasks.js';

describe('the event registry', () => {
  it('says who publishes an event, about what, and finds its id and version', () => {
    const data = ProjectRenamed.fromPartial({ project: { id: 'p1', version: 7 }, previousName: 'old' });
    expect(ProjectRenamedEvent).toMatchObject({
      source: 'projects',
      aggregate: 'project',
      type: 'ProjectRenamed',
    });
    expect(ProjectRenamedEvent.keyOf(data)).toBe('p1');
    expect(ProjectRenamedEvent.versionOf(data)).toBe(7);
  });

  it('carries an event through its bytes', () => {
    const data = MemberAdded.fromPartial({
      membership: {
        id: 't.m',
        version: Number.MAX_SAFE_INTEGER,
        state: MembershipState.ACTIVE,
        createdAt: new Date(1_700_000_000_123),
      },
    });
    expect(MemberAddedEvent.decode(MemberAddedEvent.encode(data))).toEqual(data);
  });

  it.each([teamsEvents, projectsEvents, tasksEvents])(
    'names each event as its type does',
    (events: Record<string, { type: string }>) => {
      for (const [name, event] of Object.entries(events)) expect(event.type).toBe(name);
    },
  );

  it('refuses an event without the aggregate that it is about', () => {
    expect(() => ProjectRenamedEvent.keyOf(ProjectRenamed.create())).toThrow(/BANYAN_EVENT_INVALID/);
  });
});
