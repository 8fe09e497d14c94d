import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
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

async function standOf(settings: EdgeSettings = {}): Promise<EdgeStand> {
  const stand = new EdgeStand(`${uniqueName('tasks')} -> projects.GetProject`, nats.connection, settings);
  stands.push(stand);
  return stand.start();
}

describe('an edge at the stage shadow', () => {
  it('answers from the provider and compares the replica after', async () => {
    const stand = await standOf({ lateDeadlineMs: 100 });
    for (const id of ['same', 'wrong', 'lost']) stand.put(id, 2);
    stand.replica.put(projectOf('wrong', 2, 'another name'));
    stand.replica.put(projectOf('extra', 1));
    stand.replica.rows.delete('lost');
    await stand.move('shadow');
    expect(await stand.get('wrong')).toEqual(projectOf('wrong', 2));
    await Promise.all([stand.get('same'), stand.get('lost'), stand.failure('extra'), stand.failure('none')]);
    const { comparisons, calls, counterexamples } = await stand.evidence();
    expect(comparisons).toMatchObject({ equal: 2, wrong: 1, missing: 1, extra: 1, late: 0 });
    expect(calls).toEqual({ ok: 3, failed: 2, byReplica: 0 });
    expect(counterexamples).toContainEqual(
      expect.objectContaining({ outcome: 'wrong', version: 2, fields: ['project.name'] }),
    );
    expect(JSON.stringify(counterexamples)).not.toContain('another name');
  });

  it('tells late from wrong: a replica that catches up in time was late', async () => {
    const stand = await standOf();
    stand.put('a', 1);
    stand.provider.rows.set('a', projectOf('a', 2));
    await stand.move('shadow');
    await stand.get('a');
    await expect.poll(() => stand.replica.reads).toBeGreaterThan(1);
    stand.replica.put(projectOf('a', 2));
    const { comparisons, lateMs } = await stand.evidence();
    expect(comparisons).toMatchObject({ late: 1, wrong: 0, equal: 0 });
    expect(lateMs.max).toBeGreaterThan(0);
  });

  it('compares what was said, whatever the caller does to the objects afterwards', async () => {
    const stand = await standOf();
    stand.put('a');
    await stand.move('shadow');
    const request = { id: 'a' };
    await new Promise<void>((resolve) => {
      stand.client.getProject(request, (_error, response) => {
        request.id = 'b';
        if (response.project !== undefined) response.project.name = 'scribbled on';
        resolve();
      });
    });
    expect((await stand.evidence()).comparisons).toMatchObject({ equal: 1, wrong: 0 });
  });

  it('leaves out fields that the ignore rules name', async () => {
    const stand = await standOf({
      compare: { version: ({ project }) => project?.version, ignore: ['project.name'] },
    });
    stand.put('a');
    stand.replica.put(projectOf('a', 1, 'another name'));
    await stand.move('shadow');
    await stand.get('a');
    expect((await stand.evidence()).comparisons.equal).toBe(1);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('broken'))],
    ['hangs', () => NEVER],
  ])('answers as ever when the replica %s', async (_what, before) => {
    const stand = await standOf({ compareTimeoutMs: 100 });
    stand.put('a');
    stand.replica.before = before;
    await stand.move('shadow');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => stand.get('a', { deadline: Date.now() + 30_000 })),
    );
    expect(answers).toHaveLength(20);
    expect((await stand.evidence()).comparisons).toMatchObject({ oneSided: 20 });
  });

  it('sheds what does not fit and holds nobody up when the replica is slow', async () => {
    const stand = await standOf({ queueLimit: 5, comparisonsAtOnce: 2 });
    stand.put('a');
    let end = (): void => undefined;
    const slow = new Promise<void>((resolve) => (end = resolve));
    stand.replica.before = () => slow;
    await stand.move('shadow');
    for (let i = 0; i < 50; i += 1) await stand.get('a');
    // No call waited for a read: the first two have not ended yet.
    expect(stand.replica.reads).toBe(2);
    end();
    const { comparisons, calls } = await stand.evidence();
    expect(calls.ok).toBe(50);
    expect(comparisons).toMatchObject({ equal: 7, shed: 43 });
  });

  it('compares the share that it is told to', async () => {
    const stand = await standOf({ shadowShare: 0 });
    stand.put('a');
    await stand.move('shadow');
    await stand.get('a');
    await stand.edge.settled();
    expect(stand.replica.reads).toBe(0);
  });
});
