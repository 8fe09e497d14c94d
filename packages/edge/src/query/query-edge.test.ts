import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ListProjectsRequest,
  ProjectsServiceService,
  type CreateProjectRequest,
  type CreateProjectResponse,
} from '@banyan/contracts/projects';
import { StageWatch } from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import type { QueryEdgeOptions } from './query-edge-options.js';
import { queryEdge } from './query-edge.js';
import { EdgeStand, projectOf, type EdgeSettings } from '../testing/edge-stand.js';

let nats: Awaited<ReturnType<typeof testNats>>;
const stands: EdgeStand[] = [];

beforeAll(async () => {
  nats = await testNats();
});
afterEach(async () => {
  await Promise.all(stands.splice(0).map((stand) => stand.stop()));
});
afterAll(() => nats.close());

async function standOf(settings: EdgeSettings = {}): Promise<EdgeStand> {
  const stand = new EdgeStand(`${uniqueName('tasks')} -> projects.GetProject`, nats.connection, settings);
  stands.push(stand);
  return stand.start();
}

describe('an edge at the stage call', () => {
  it('passes the provider’s answers and refusals on, counts them, and leaves the replica alone', async () => {
    const stand = await standOf();
    stand.put('a');
    expect(await stand.get('a')).toEqual(projectOf('a', 1));
    expect(await stand.failure('b')).toMatchObject({ code: status.NOT_FOUND, details: 'no project b' });
    expect((await stand.evidence()).calls).toEqual({ ok: 1, failed: 1, byReplica: 0 });
    expect(stand.replica.reads).toBe(0);
  });

  it('lets the client’s other methods pass', async () => {
    const stand = await standOf();
    const page = await new Promise((resolve) => {
      stand.client.listProjects(ListProjectsRequest.fromPartial({}), (_error, response) => resolve(response));
    });
    expect(page).toMatchObject({ nextPageToken: 'listed' });
    expect(stand.edge.report(true).evidence).toEqual([]);
  });

  it('keeps deadlines and cancellation', async () => {
    const stand = await standOf();
    stand.provider.handler = () => undefined;
    expect((await stand.failure('a', { deadline: Date.now() + 50 })).code).toBe(status.DEADLINE_EXCEEDED);
    const cancelled = new Promise((resolve) => {
      const call = stand.client.getProject({ id: 'a' }, (error) => resolve(error?.code));
      call.cancel();
    });
    expect(await cancelled).toBe(status.CANCELLED);
  });
});

describe('an edge', () => {
  it('fails no call while its stage flips under load', async () => {
    const stand = await standOf({ sampleShare: 1 });
    const ids = Array.from({ length: 10 }, (_, i) => `p${i}`);
    for (const id of ids) stand.put(id);
    let running = true;
    let calls = 0;
    const caller = async (): Promise<void> => {
      while (running) {
        const id = ids[calls % ids.length] ?? '';
        calls += 1;
        // A replica in memory answers without any input or output: give the rest of the process its turn.
        await setImmediate();
        expect(await stand.get(id, { deadline: Date.now() + 10_000 })).toEqual(projectOf(id, 1));
      }
    };
    const callers = Array.from({ length: 8 }, caller);
    const flips = [
      'shadow',
      'prefer-replica',
      'replica',
      'prefer-replica',
      'call',
      'replica',
      'shadow',
    ] as const;
    for (const stage of flips) {
      await stand.move(stage);
      const { change } = stand.edge.stage.running;
      const count = (): number =>
        stand.edge.report(true).evidence.find((each) => each.change === change)?.calls.ok ?? 0;
      await expect.poll(count, { timeout: 10_000 }).toBeGreaterThan(50);
    }
    running = false;
    await Promise.all(callers);
    await stand.edge.settled();
    const { evidence } = stand.edge.report(true);
    expect(evidence.map(({ stage }) => stage)).toEqual(['call', ...flips]);
    expect(evidence.reduce((sum, each) => sum + each.calls.ok, 0)).toBe(calls);
    for (const { calls: counts, comparisons } of evidence) {
      expect(counts.failed).toBe(0);
      expect(comparisons).toMatchObject({ wrong: 0, missing: 0, extra: 0, oneSided: 0 });
    }
  });

  it('is refused for a method that may have side effects, unless that is vouched for', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'banyan-edge-'));
    const options: QueryEdgeOptions<CreateProjectRequest, CreateProjectResponse> = {
      edge: 'tasks -> projects.CreateProject',
      method: ProjectsServiceService.createProject,
      replica: { read: () => Promise.resolve(undefined), freshness: () => ({ asOfMs: undefined }) },
      compare: { version: () => undefined },
      budget: { stalenessMs: 1_000 },
      stages: new StageWatch({ connection: nats.connection, stateDir }),
    };
    expect(() => queryEdge(options)).toThrow(
      /^BANYAN_OPTION_INVALID: .*CreateProject is not declared NO_SIDE_EFFECTS$/,
    );
    await queryEdge({ ...options, sideEffectFree: true }).stop();
    rmSync(stateDir, { recursive: true });
  });
});
