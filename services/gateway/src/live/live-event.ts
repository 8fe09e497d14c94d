import { projectsEvents } from '@banyan/contracts/projects';
import { tasksEvents } from '@banyan/contracts/tasks';
import { teamsEvents } from '@banyan/contracts/teams';
import type { TailEvent } from '@banyan/subscriber';
import { memberView, projectView, taskView, teamView } from '../rest/views.js';
import { writePlace } from './place.js';

/** The values by which lists choose their items. */
export type Facets = Readonly<Record<string, string>>;

/** An event as clients are told of it. */
export interface LiveEvent {
  readonly epoch: number;
  readonly n: number;
  readonly sequence: number;
  readonly aggregate: string;
  /** The aggregate's id. */
  readonly key: string;
  /** Of its item after the event, and before it; undefined: this gateway cannot read the event. */
  readonly facets: { now: Facets; before: Facets } | undefined;
  /** What every client is told, as the inside of a JSON object. Made once, however many there are. */
  readonly text: string;
  /** What it takes in memory, about. */
  readonly bytes: number;
}

/** What is read out of an event's payload. */
interface Content {
  item: object;
  now: Facets;
  /** What of `now` was otherwise before. */
  changed: Facets;
}

const OVERHEAD_BYTES = 600;

/** Reads an event of a stream. What cannot be read (a type of later contracts) has neither facets nor data. */
export function liveEvent(event: TailEvent): LiveEvent {
  const { source, epoch, n, sequence, aggregate, aggregateId: key, type, version, time } = event;
  const content = contentOf(event);
  const told = {
    ...{ source, position: writePlace({ epoch, n }), aggregate, key, version, event: type, time },
    ...(content === undefined ? {} : { data: content.item }),
  };
  const text = JSON.stringify(told).slice(1, -1);
  return {
    ...{ epoch, n, sequence, aggregate, key, text },
    facets: content && { now: content.now, before: { ...content.now, ...content.changed } },
    bytes: 2 * text.length + OVERHEAD_BYTES,
  };
}

function contentOf(event: TailEvent): Content | undefined {
  try {
    return READERS[event.source]?.(event);
  } catch {
    return undefined;
  }
}

const READERS: Record<string, (event: TailEvent) => Content | undefined> = {
  teams: ({ type, payload }) => {
    if (!isKeyOf(teamsEvents, type)) return undefined;
    const data = teamsEvents[type].decode(payload);
    if ('team' in data) {
      const item = teamView(data.team);
      return { item, now: { id: item.id }, changed: {} };
    }
    const item = memberView(data.membership);
    const { id, teamId, state } = item;
    const before = type === 'MemberRemoved' ? 'active' : type === 'MemberAdded' ? 'left' : state;
    return { item, now: { id, teamId, state }, changed: { state: before } };
  },
  projects: ({ type, payload }) => {
    if (!isKeyOf(projectsEvents, type)) return undefined;
    const item = projectView(projectsEvents[type].decode(payload).project);
    return { item, now: { id: item.id, teamId: item.teamId }, changed: {} };
  },
  tasks: ({ type, payload }) => {
    if (!isKeyOf(tasksEvents, type)) return undefined;
    const data = tasksEvents[type].decode(payload);
    const item = taskView(data.task);
    const { id, projectId, assigneeId } = item;
    const previous = 'previousAssigneeId' in data ? data.previousAssigneeId : undefined;
    const changed: Facets = typeof previous === 'string' ? { assigneeId: previous } : {};
    return { item, now: { id, projectId, assigneeId: assigneeId ?? '' }, changed };
  },
};

function isKeyOf<T extends object>(table: T, key: string): key is Extract<keyof T, string> {
  return Object.hasOwn(table, key);
}
