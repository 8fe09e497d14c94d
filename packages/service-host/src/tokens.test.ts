import type { Metadata } from '@grpc/grpc-js';
import { Project, ProjectRenamedEvent } from '@banyan/contracts/projects';
import { GetTeamResponse, TeamsServiceClient, TeamsServiceService } from '@banyan/contracts/teams';
import { testDatabase, type TestDatabase } from '@banyan/devstack';
import { emit } from '@banyan/outbox';
import { silentLogger, TOKEN_HEADER, TokenScope, TokenSet } from '@banyan/runtime';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CallContext } from './call-context.js';
import { clientFor, unary } from './client.js';
import { inTransaction, openPool } from './database.js';
import { missing } from './domain-error.js';
import { serve, type ServiceHost } from './host.js';
import { unaryService, type UnaryHandlers } from './unary-service.js';

let database: TestDatabase;
let pool: Pool;
const hosts: ServiceHost[] = [];
const clients: TeamsServiceClient[] = [];

beforeAll(async () => {
  database = await testDatabase({ roles: ['outbox'] });
  pool = openPool(database.url, silentLogger);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const host of hosts.splice(0)) await host.stop();
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

describe('what a caller has seen', () => {
  it('is what those have written that it called, over several hops', async () => {
    const back = await start(async (id, context) => rename(id, 2, context));
    const front = await start(async (id, context) => {
      await rename(`${id}-here`, 1, context);
      await call(back, id, context);
    });
    const session = new TokenScope();
    await session.run(() => call(front, 'p1'));
    expect(seen(session.seen)).toEqual(['projects/project/p1-here@1~1', 'projects/project/p1@2~1']);
  });

  it('goes along with its calls, over several hops', async () => {
    const arrived: string[] = [];
    const note = (metadata: Metadata): void => void arrived.push(...metadata.get(TOKEN_HEADER).map(String));
    const back = await start((_id, { metadata }) => {
      note(metadata);
      return Promise.resolve();
    });
    const front = await start((id, context) => call(back, id, context));
    const session = new TokenScope(TokenSet.decode('projects/project/p1@7+1000'));
    await session.run(() => call(front, 'p1'));
    expect(arrived).toEqual(['projects/project/p1@7+1000']);
  });

  it('comes back with an error too, if it was committed before', async () => {
    const back = await start(async (id, context) => {
      await rename(id, 3, context);
      throw missing('something', id);
    });
    const front = await start((id, context) => call(back, id, context));
    const session = new TokenScope();
    await expect(session.run(() => call(front, 'p1'))).rejects.toThrow('13 INTERNAL');
    expect(seen(session.seen)).toEqual(['projects/project/p1@3~1']);
  });

  it('never holds a version that was rolled back', async () => {
    const client = await start((id, context) =>
      inTransaction(pool, context, async (tx) => {
        await emit(tx, ProjectRenamedEvent, renamed(id, 4));
        throw missing('something', id);
      }).catch(() => undefined),
    );
    const session = new TokenScope();
    await session.run(() => call(client, 'p1'));
    expect(session.seen.isEmpty).toBe(true);
  });

  it('is nothing that a call begins with by itself', async () => {
    const client = await start((id, context) => rename(id, 5, context));
    await new TokenScope().run(() => call(client, 'p1'));
    const other = new TokenScope();
    await other.run(() => call(client, 'p2'));
    expect(seen(other.seen)).toEqual(['projects/project/p2@5~1']);
  });

  it('is told by the events that it leads to', async () => {
    const client = await start(async (id, context) => {
      await rename(id, 6, context);
      await rename(`${id}-next`, 1, context);
    });
    await new TokenScope(TokenSet.decode('teams/team/t1@7+1000')).run(() => call(client, 'led'));
    const { rows } = await pool.query<{ token: string }>(
      `select headers ->> '${TOKEN_HEADER}' as token from banyan.outbox where aggregate_id like 'led%' order by seq`,
    );
    expect(rows.map(({ token }) => seen(TokenSet.decode(token)))).toEqual([
      ['teams/team/t1@7~undefined'],
      ['teams/team/t1@7~undefined', 'projects/project/led@6~1'],
    ]);
  });
});

type Handler = (id: string, context: CallContext) => Promise<unknown>;

/** A client of a server with one method. */
async function start(handler: Handler): Promise<TeamsServiceClient> {
  const handlers = {
    getTeam: async ({ id }: { id: string }, context: CallContext) => {
      await handler(id, context);
      return GetTeamResponse.fromPartial({ team: { id } });
    },
  };
  const service = unaryService(TeamsServiceService, handlers as UnaryHandlers<typeof TeamsServiceService>);
  const host = await serve({ name: 'teams', services: [service] });
  const client = clientFor(TeamsServiceClient, host.address, { caller: 'test' });
  hosts.push(host);
  clients.push(client);
  return client;
}

const call = (client: TeamsServiceClient, id: string, context?: CallContext): Promise<unknown> =>
  unary(client.getTeam.bind(client), { id }, context);

const renamed = (id: string, version: number): { project: Project; previousName: string } => ({
  project: Project.fromPartial({ id, version }),
  previousName: '',
});

const rename = (id: string, version: number, context: CallContext): Promise<unknown> =>
  inTransaction(pool, context, (tx) => emit(tx, ProjectRenamedEvent, renamed(id, version)));

const seen = (set: TokenSet): string[] =>
  set
    .of()
    .map(({ source, aggregate, id, version, epoch }) => `${source}/${aggregate}/${id}@${version}~${epoch}`);
