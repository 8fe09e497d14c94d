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
}

// Maps, so that nobody asks for `constructor`.
const LISTS: ReadonlyMap<string, Kind> = new Map([
  ['teams', { source: 'teams', aggregate: 'team', fields: [] }],
  ['projects', { source: 'projects', aggregate: 'project', fields: ['teamId'] }],
  ['tasks', { source: 'tasks', aggregate: 'task', fields: ['projectId', 'assigneeId'] }],
]);

type Origin = Pick<Kind, 'source' | 'aggregate'>;

const MEMBER: Origin = { source: 'teams', aggregate: 'membership' };

const ONES: ReadonlyMap<string, Origin> = new Map([
  ['team', { source: 'teams', aggregate: 'team' }],
  ['member', MEMBER],
  ['project', { source: 'projects', aggregate: 'project' }],
  ['task', { source: 'tasks', aggregate: 'task' }],
]);

const ONE = /^([a-z]+)\/([A-Za-z0-9._-]{1,140})$/;
const LIST = /^([a-z]+)(?:\?(.*))?$/;
const MEMBERS = /^teams\/([A-Za-z0-9_-]{1,64})\/members$/;

/** Reads a resource; undefined if there is none such. */
export function parseResource(text: string): Resource | undefined {
  const [, one = '', id = ''] = ONE.exec(text) ?? [];
  const kind = ONES.get(one);
  if (kind !== undefined) return resource(text, kind, { id });
  const [, teamId] = MEMBERS.exec(text) ?? [];
  // The list of a team's members has those only who are in it now.
  if (teamId !== undefined) return resource(text, MEMBER, { teamId, state: 'active' });
  const [, list = '', query = ''] = LIST.exec(text) ?? [];
  const lists = LISTS.get(list);
  return lists === undefined ? undefined : listResource(text, lists, query);
}

function listResource(text: string, kind: Kind, query: string): Resource | undefined {
  const given = [...new URLSearchParams(query)].filter(([, value]) => value !== '');
  const names = given.map(([name]) => name);
  const isKnown = names.every((name) => kind.fields.includes(name)) && new Set(names).size === names.length;
  return isKnown ? resource(text, kind, Object.fromEntries(given)) : undefined;
}

function resource(text: string, { source, aggregate }: Origin, filter: Facets): Resource {
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
