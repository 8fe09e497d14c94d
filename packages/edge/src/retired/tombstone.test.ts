import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ListProjectsRequest,
  ProjectsServiceService,
  type GetProjectResponse,
} from '@banyan/contracts/projects';
import { collectReports, Reporter, StageWatch } from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { tombstone, type Tombstone } from './tombstone.js';
import { EdgeStand, projectOf } from '../testing/edge-stand.js';

let nats: Awaited<ReturnType<typeof testNats>>;
let stand: EdgeStand;
let caller: string;
let watch: StageWatch;
let stone: Tombstone;
let folder: string;

beforeAll(async () => {
  nats = await testNats();
});
beforeEach(async () => {
  caller = uniqueName('tasks');
  folder = mkdtempSync(join(tmpdir(), 'banyan-tombstone-'));
  watch = new StageWatch({ connection: nats.connection, stateDir: folder });
  const edge = `${caller} -> projects.GetProject`;
  stone = tombstone({ edges: [edge], method: ProjectsServiceService.getProject, stages: watch });
  stand = new EdgeStand(edge, nats.connection, {}, { serverInterceptors: [stone.interceptor] });
  await stand.start();
  watch.start();
  stand.put('p1');
});
afterEach(async () => {
  await stand.stop();
  await watch.stop();
  rmSync(folder, { recursive: true, force: true });
});
afterAll(() => nats.close());

/** A call past the edge, as a forgotten client would make it. */
function callAs(name: string | undefined): Promise<GetProjectResponse> {
  const client = stand.newPlainClient();
  const metadata = new Metadata();
  if (name !== undefined) metadata.set('banyan-caller', name);
  return new Promise<GetProjectResponse>((resolve, reject) => {
    client.getProject({ id: 'p1' }, metadata, (error, response) =>
      error === null ? resolve(response) : reject(error),
    );
  }).finally(() => client.close());
}

const refusalOf = (call: Promise<unknown>): Promise<ServiceError> =>
  call.then(
    () => Promise.reject(new Error('the call did not fail')),
    (error: unknown) => error as ServiceError,
  );

async function retire(): Promise<void> {
  await stand.move('retired');
  await expect.poll(() => watch.edge({ edge: stand.name, stages: ['call'] }).running.stage).toBe('retired');
}

describe('an edge at the stage retired', () => {
  it('is answered by the replica alone', async () => {
    await retire();
    expect(await stand.get('p1')).toEqual(projectOf('p1', 1));
    stand.replica.ageMs = undefined;
    expect((await stand.failure('p1')).code).toBe(status.UNAVAILABLE);
    expect(stand.provider.calls).toBe(0);
    const { stage, calls } = await stand.evidence();
    expect([stage, calls]).toEqual(['retired', { ok: 1, failed: 1, byReplica: 2 }]);
  });
});

describe('a tombstone', () => {
  it('refuses the retired caller by name, before the handler, and nobody else', async () => {
    await retire();
    const refused = await refusalOf(callAs(caller));
    expect(refused.code).toBe(status.FAILED_PRECONDITION);
    expect(refused.details).toMatch(/^BANYAN_EDGE_RETIRED: .* is retired since \d.*, and tasks.* has called/);
    expect(refused.details).toContain('banyan back');
    expect(stand.provider.calls).toBe(0);
    expect(await callAs('teams')).toEqual(projectOf('p1', 1));
    expect(await callAs(undefined)).toEqual(projectOf('p1', 1));
  });

  it('lets the retired caller’s other methods pass', async () => {
    await retire();
    const page = await new Promise((resolve) => {
      const metadata = new Metadata();
      metadata.set('banyan-caller', caller);
      stand.client.listProjects(ListProjectsRequest.fromPartial({}), metadata, (_error, found) =>
        resolve(found),
      );
    });
    expect(page).toMatchObject({ nextPageToken: 'listed' });
  });

  it('lets it pass again once the edge has gone back', async () => {
    await retire();
    await refusalOf(callAs(caller));
    await stand.move('replica');
    await expect.poll(async () => callAs(caller).catch(() => undefined)).toEqual(projectOf('p1', 1));
  });

  it('counts calls by caller at every stage, in the process’s report', async () => {
    const reporter = new Reporter({
      connection: nats.connection,
      service: 'projects',
      instance: caller,
      edges: [],
      tombstones: [stone],
    });
    await reporter.start();
    await callAs(caller);
    await callAs(undefined);
    await retire();
    await refusalOf(callAs(caller));
    const reports = await collectReports(nats.connection, { waitMs: 20_000, instances: [caller] });
    const stones = reports.flatMap(({ tombstones = [] }) => tombstones);
    expect(stones).toContainEqual({
      method: '/projects.v1.ProjectsService/GetProject',
      callers: [
        { caller, calls: 2, refused: 1, lastAt: expect.stringMatching(/Z$/) },
        { caller: 'unknown', calls: 1, refused: 0, lastAt: expect.stringMatching(/Z$/) },
      ],
    });
    reporter.stop();
  });

  it('keeps no more names than a hundred, whoever calls', async () => {
    for (let i = 0; i < 110; i++) await callAs(`caller-${i}`);
    const { callers } = stone.report();
    expect(callers).toHaveLength(101);
    expect(callers.at(-1)).toMatchObject({ caller: 'others', calls: 10 });
  });

  it('keeps no name whole that is longer than a name', async () => {
    await callAs('n'.repeat(65));
    await callAs('n'.repeat(66));
    expect(stone.report().callers).toMatchObject([{ caller: 'n'.repeat(64), calls: 2 }]);
  });
});
