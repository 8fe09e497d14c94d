import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { testNats, uniqueName } from '@banyan/devstack';
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

async function standOf(settings: EdgeSettings): Promise<EdgeStand> {
  const stand = new EdgeStand(`${uniqueName('tasks')} -> projects.GetProject`, nats.connection, settings);
  stands.push(stand);
  return stand.start();
}

describe('evidence by stratum', () => {
  it('counts each comparison in the stratum of its request, and the keys that were compared', async () => {
    const stand = await standOf({
      stratumOf: ({ id }) => id.split('-')[0],
      strata: ['cold'],
      ramp: { by: 'project', keyOf: ({ id }) => id },
    });
    for (const id of ['big-1', 'big-2', 'small-1']) stand.put(id);
    stand.replica.put(projectOf('big-2', 1, 'another name'));
    await stand.move('shadow');
    for (const id of ['big-1', 'big-1', 'big-2', 'small-1']) await stand.get(id);
    const { strata, keysCompared, readMs } = await stand.evidence();
    expect(Object.keys(strata ?? {})).toEqual(['cold', 'big', 'small']);
    expect(strata).toMatchObject({
      big: { equal: 2, wrong: 1 },
      small: { equal: 1, wrong: 0 },
      cold: { equal: 0 },
    });
    expect(keysCompared).toBe(3);
    expect(readMs?.count).toBe(4);
    expect(stand.edge.report(false).strata).toEqual(['cold']);
  });

  it('bounds the strata: those beyond the limit count as other, and one that cannot be told in none', async () => {
    const stand = await standOf({
      stratumOf: ({ id }) => {
        if (id === 'broken') throw new Error('no stratum');
        return id;
      },
    });
    const ids = Array.from({ length: 20 }, (_, n) => `p${n}`);
    for (const id of [...ids, 'broken']) stand.put(id);
    await stand.move('shadow');
    for (const id of [...ids, 'broken']) await stand.get(id);
    const { strata = {}, comparisons } = await stand.evidence();
    expect(comparisons.equal).toBe(21);
    expect(Object.keys(strata)).toHaveLength(17);
    expect(strata['other']).toMatchObject({ equal: 4 });
  });
});
