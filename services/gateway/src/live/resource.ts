import type { Facets, LiveEvent } from './live-event.js';

/** What somebody wants to be told of: one thing (`task/<id>`), or a list (`tasks?projectId=<id>`) as REST has it. */
export interface Resource {
  readonly text: string;
  readonly source: string;
  readonly aggregate: string;
  /** The values that an item of it has. */
  readonly filter: Facets;
  /** Events that may be about it have the same among theirs. */
  readonly indexKey: string;
}

/**
 * What an event is to a resource: its item is in it · has left it by the event · is nothing to it · cannot be told, because
 * the event could not be read.
 */
export type Relation = 'in' | 'left' | 'unrelated' | 'unknown';

interface Kind {
  source: string;
  aggregate: string;
  /** Which fields a list may be narrowed by. */
  fields: readonly string[];
  /** What items of the list have anyway. */
  always?: Facets;
  /** Fields without which there is no such list. */
  required?: readonly string[];
}

const LISTS: Record<string, Kind> = {
  teams: { source: 'teams', aggregate: 'team', fields: [] },
  members: {
    source: 'teams',
    aggregate: 'membership',
    fields: ['teamId'],
    always: { state: 'active' },
    required: ['teamId'],
  },
  projects: { source: 'projects', aggregate: 'project', fields: ['teamId'] },
  tasks: { source: 'tasks', aggregate: 'task', fields: ['projectId', 'assigneeId'] },
};

const ONES: Record<string, Pick<Kind, 'source' | 'aggregate'>> = {
  team: { source: 'teams', aggregate: 'team' },
  member: { source: 'teams', aggregate: 'membership' },
  project: { source: 'projects', aggregate: 'project' },
  task: { source: 'tasks', aggregate: 'task' },
};

const ONE = /^([a-z]+)\/([A-Za-z0-9._-]{1,140})$/;
const LIST = /^([a-z]+)(?:\?(.*))?$/;

/** Reads a resource; undefined if there is none such. */
export function parseResource(text: string): Resource | undefined {
  const [, one = '', id = ''] = ONE.exec(text) ?? [];
  const kind = ONES[one];
  if (kind !== undefined) return resource(text, kind, { id });
  const [, list = '', query = ''] = LIST.exec(text) ?? [];
  const lists = LISTS[list];
  return lists === undefined ? undefined : listResource(text, lists, query);
}

function listResource(text: string, kind: Kind, query: string): Resource | undefined {
  const given = [...new URLSearchParams(query)].filter(([, value]) => value !== '');
  const names = given.map(([name]) => name);
  const isKnown = names.every((name) => kind.fields.includes(name)) && new Set(names).size === names.length;
  const isWhole = kind.required?.every((name) => names.includes(name)) ?? true;
  if (!isKnown || !isWhole) return undefined;
  return resource(text, kind, { ...Object.fromEntries(given), ...kind.always });
}

function resource(
  text: string,
  { source, aggregate }: Kind | (typeof ONES)[string],
  filter: Facets,
): Resource {
  const [first] = Object.entries(filter);
  return { text, source, aggregate, filter, indexKey: indexKey(aggregate, first) };
}

/** The index keys of all resources that an event may be about. */
export function indexKeysOf({ aggregate, facets }: LiveEvent): Set<string> {
  const keys = new Set([indexKey(aggregate, undefined)]);
  for (const side of [facets?.now, facets?.before])
    for (const entry of Object.entries(side ?? {})) keys.add(indexKey(aggregate, entry));
  return keys;
}

export function relationOf({ aggregate, filter }: Resource, event: LiveEvent): Relation {
  if (aggregate !== event.aggregate) return 'unrelated';
  if (event.facets === undefined)
    return filter['id'] === undefined || filter['id'] === event.key ? 'unknown' : 'unrelated';
  if (matches(filter, event.facets.now)) return 'in';
  return matches(filter, event.facets.before) ? 'left' : 'unrelated';
}

function matches(filter: Facets, facets: Facets): boolean {
  return Object.entries(filter).every(([name, value]) => facets[name] === value);
}

function indexKey(aggregate: string, field: [name: string, value: string] | undefined): string {
  return field === undefined ? aggregate : `${aggregate}?${field[0]}=${field[1]}`;
}
