// The code of docs/subscribe.md: `npm run docs` copies the regions into the page.
import { factOf } from '@banyan/contracts';
import {
  ProjectArchivedEvent,
  ProjectCreatedEvent,
  ProjectRenamedEvent,
  ProjectState,
  type Project,
} from '@banyan/contracts/projects';
import {
  entryFrom,
  listener,
  listenTo,
  memoryReplica,
  on,
  replica,
  rowFrom,
  subscriber,
  type Listener,
  type ListenerContext,
  type MemoryReplica,
  type Subscriber,
} from '@banyan/subscriber';
import { scenario } from '@banyan/subscriber/testing';
import type { NatsConnection } from '@nats-io/nats-core';

export function first(databaseUrl: string, nats: NatsConnection): Subscriber {
  // #region first
  const counter = subscriber({
    name: 'rename-counter',
    sources: ['projects'],
    databaseUrl,
    nats,
    handlers: [
      on(ProjectRenamedEvent, async (tx, { project }) => {
        await tx.query('update rename_count set n = n + 1 where project_id = $1', [project?.id]);
      }),
    ],
  });
  counter.start();
  // #endregion
  return counter;
}

// #region replica
const row = ({ project }: { project: Project | undefined }) => {
  if (project === undefined) throw new Error('the event has no project');
  const { id, name, state, version } = project;
  return { id, name, is_active: state === ProjectState.ACTIVE, version };
};

export const projects = replica({
  table: 'project_replica',
  key: 'id',
  columns: ['id', 'name', 'is_active', 'version'],
  version: 'version',
  mappings: [
    rowFrom(ProjectCreatedEvent, row),
    rowFrom(ProjectRenamedEvent, row),
    rowFrom(ProjectArchivedEvent, row),
  ],
});
// #endregion

export async function readOwnWrite(
  running: Subscriber,
  token: string,
): Promise<'there' | 'ask the provider' | 'stale'> {
  // #region freshness
  const { asOfMs } = running.freshness({ source: 'projects', key: 'project/p1' });
  if (asOfMs === undefined || Date.now() - asOfMs > 2000) return 'stale';
  // What the caller has seen: projects/project/p1@2
  const waited = await running.waitFor(token, { timeoutMs: 200 });
  return waited.reached ? 'there' : 'ask the provider';
  // #endregion
}

export function mailer(
  nats: NatsConnection,
  sendMail: (text: string, id: string) => Promise<void>,
  tell: (context: ListenerContext, error: unknown) => void,
): Listener {
  // #region listener
  const mails = listener({
    name: 'rename-mails',
    sources: ['projects'],
    nats,
    handlers: [
      // It may come twice: the event's id lets the mail service notice.
      listenTo(ProjectRenamedEvent, async ({ project, previousName }, { eventId }) => {
        await sendMail(`${previousName} is called ${project?.name ?? ''} now`, eventId);
      }),
    ],
    onGivenUp: tell,
  });
  mails.start();
  // #endregion
  return mails;
}

export async function names(databaseUrl: string, nats: NatsConnection): Promise<MemoryReplica<string>> {
  // #region memory
  const projectNames = memoryReplica<string>({
    name: 'project names',
    sources: ['projects'],
    nats,
    mappings: [
      entryFrom(ProjectCreatedEvent, ({ project }) => project?.name ?? ''),
      entryFrom(ProjectRenamedEvent, ({ project }) => project?.name ?? ''),
    ],
    fill: {
      databaseUrl,
      subscriber: 'tasks',
      sql: 'select id, name from project_replica',
      entryOf: (found) => [String(found['id']), String(found['name'])],
    },
  });
  projectNames.start();
  await projectNames.untilFilled({ timeoutMs: 10_000 });
  // #endregion
  return projectNames;
}

export async function test(databaseUrl: string, before: Project, after: Project): Promise<void> {
  // #region testing
  await scenario({ databaseUrl, handlers: () => [projects] })
    .given(factOf(ProjectCreatedEvent, { project: before }))
    .when(factOf(ProjectRenamedEvent, { project: after, previousName: before.name }))
    .then([{ id: 'p1', name: 'Banyan', is_active: true, version: 2 }]);
  // #endregion
}
