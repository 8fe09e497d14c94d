import { InterceptingCall, Metadata, status, type Interceptor } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inShare } from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { EdgeStand, NEVER, projectOf, type EdgeSettings } from '../testing/edge-stand.js';

let nats: Awaited<ReturnType<typeof testNats>>;
const stands: EdgeStand[] = [];

beforeAll(async () => {
  nats = await testNats();
});
afterEach(async () => {
  await Promise.all(stands.splice(0).map((stand) => stand.stop()));
});
afterAll(() => nats.close());

const IDS = Array.from({ length: 60 }, (_, i) => `p${i}`);
const RAMP: EdgeSettings = { sampleShare: 0, ramp: { by: 'project', keyOf: ({ id }) => id } };

async function standOf(settings: EdgeSettings = RAMP): Promise<EdgeStand> {
  const stand = new EdgeStand(`${uniqueName('tasks')} -> projects.GetProject`, nats.connection, settings);
  stands.push(stand);
  for (const id of IDS) {
    stand.provider.rows.set(id, projectOf(id, 1, 'of the provider'));
    stand.replica.put(projectOf(id, 1, 'of the replica'));
  }
  return stand.start();
}

/** The ids that the replica answers. */
async function answeredByReplica(stand: EdgeStand): Promise<string[]> {
  const answers = await Promise.all(IDS.map((id) => stand.get(id)));
  return IDS.filter((_, index) => answers[index]?.project?.name === 'of the replica');
}

describe('an edge that ramps', () => {
  it('moves the keys of its share, never one of them back while the share is raised, and all at the end', async () => {
    const stand = await standOf();
    let before: string[] = [];
    for (const share of [0, 10, 30, 70]) {
      await stand.move('prefer-replica', { from: 'call', share });
      const moved = await answeredByReplica(stand);
      expect(moved).toEqual(IDS.filter((id) => inShare(share, 'project', id)));
      expect(moved).toEqual(expect.arrayContaining(before));
      before = moved;
    }
    await stand.move('prefer-replica');
    expect(await answeredByReplica(stand)).toEqual(IDS);
  });

  it('moves the same keys as another edge of the same group at the same share', async () => {
    const [one, two] = [await standOf(), await standOf()];
    await one.move('prefer-replica', { from: 'call', share: 40 });
    await two.move('replica', { from: 'call', share: 40 });
    const moved = await answeredByReplica(one);
    expect(moved.length).toBeGreaterThan(0);
    expect(await answeredByReplica(two)).toEqual(moved);
  });

  it('measures each call under the stage that it ran at', async () => {
    const stand = await standOf();
    await stand.move('prefer-replica', { from: 'call', share: 30 });
    const moved = await answeredByReplica(stand);
    const { change } = stand.edge.stage.running;
    const evidence = stand.edge.report(true).evidence.filter((each) => each.change === change);
    const calls = Object.fromEntries(evidence.map(({ stage, calls: counts }) => [stage, counts]));
    expect(calls).toEqual({
      call: { ok: IDS.length - moved.length, failed: 0, byReplica: 0 },
      'prefer-replica': { ok: moved.length, failed: 0, byReplica: moved.length },
    });
    expect(stand.edge.report(false).rampBy).toBe('project');
  });

  it.each([
    ['has no key', (): undefined => undefined],
    [
      'has a key that cannot be told',
      (): never => {
        throw new Error('no key');
      },
    ],
  ])('leaves a request that %s at the lower stage until all have moved', async (_name, keyOf) => {
    const stand = await standOf({ ...RAMP, ramp: { by: 'project', keyOf } });
    await stand.move('replica', { from: 'call', share: 99.99 });
    expect(await answeredByReplica(stand)).toEqual([]);
    await stand.move('replica');
    expect(await answeredByReplica(stand)).toEqual(IDS);
  });

  it.each([true, false])(
    'keeps statuses, deadlines and cancellation (key in the share: %s)',
    async (inside) => {
      const stand = await standOf();
      await stand.move('replica', { from: 'call', share: 50 });
      const id = IDS.find((each) => inShare(50, 'project', each) === inside) ?? '';
      stand.provider.rows.delete(id);
      stand.replica.rows.delete(id);
      expect((await stand.failure(id)).code).toBe(status.NOT_FOUND);
      stand.provider.handler = () => undefined;
      stand.replica.before = () => NEVER;
      const late = await stand.failure(id, { deadline: Date.now() + 50 });
      expect(late.code).toBe(status.DEADLINE_EXCEEDED);
      const cancelled = new Promise((resolve) => {
        const call = stand.client.getProject({ id }, (error) => resolve(error?.code));
        call.cancel();
      });
      expect(await cancelled).toBe(status.CANCELLED);
    },
  );

  it('ends a call that is cancelled while another interceptor still holds its request', async () => {
    const stand = await standOf();
    await stand.move('replica', { from: 'call', share: 50 });
    const holding: Interceptor = (options, next) =>
      new InterceptingCall(next(options), { sendMessage: () => undefined });
    const client = stand.newClient([holding]);
    const code = await new Promise((resolve) => {
      const call = client.getProject({ id: 'p1' }, new Metadata(), (error) => resolve(error?.code));
      call.cancel();
    });
    expect(code).toBe(status.CANCELLED);
    client.close();
  });
});
