import {
  type GetProjectResponse,
  ProjectRenamedEvent,
  ProjectsServiceService,
} from '@banyan/contracts/projects';
import type { StageWatch } from '@banyan/control';
import {
  cacheFeed,
  invalidateOn,
  memoryCache,
  queryEdge,
  type CacheFeed,
  type EdgeCache,
  type QueryEdge,
} from '@banyan/edge';
import { redisCache } from '@banyan/edge/redis';
import type { GetProjectRequest } from '@banyan/contracts/projects';
import type { NatsConnection } from '@nats-io/transport-node';

type ProjectEdge = QueryEdge<GetProjectRequest, GetProjectResponse>;

/** No replica yet: the stages above `cache` are left out. */
const replica = { read: () => Promise.resolve(undefined), freshness: () => ({ asOfMs: undefined }) };

export function cachedEdge(
  nats: NatsConnection,
  stages: StageWatch,
): { edge: ProjectEdge; feed: CacheFeed; store: EdgeCache } {
  // #region cache
  const store = memoryCache({ maxEntries: 50_000 });
  const feed = cacheFeed({ cache: store, nats, sources: ['projects'] });
  const edge = queryEdge({
    edge: 'tasks -> projects.GetProject',
    method: ProjectsServiceService.getProject,
    cache: { store, aggregate: 'projects/project', keyOf: (request) => request.id, ttlMs: 60_000 },
    supports: ['call', 'cache'],
    compare: { version: ({ project }) => project?.version },
    budget: { stalenessMs: 5_000 },
    replica,
    stages,
  });
  // #endregion
  return { edge, feed, store };
}

export function feedOfTeams(nats: NatsConnection, store: EdgeCache): CacheFeed {
  // #region other-keys
  // Answers of an edge with `cache: { aggregate: 'projects/team-projects', keyOf: (request) => request.teamId }`.
  const ofTeam = invalidateOn(ProjectRenamedEvent, 'team-projects', ({ project }) =>
    project === undefined ? [] : [project.teamId],
  );
  const feed = cacheFeed({ cache: store, nats, sources: ['projects'], invalidatedBy: [ofTeam] });
  // #endregion
  return feed;
}

export function sharedCache(url: string): EdgeCache {
  // #region redis
  const store = redisCache({ url, prefix: 'tasks' });
  // #endregion
  return store;
}
