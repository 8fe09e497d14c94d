import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { CutReport } from '@banyan/control';
import { testDatabase, testNats, uniqueName } from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EdgeStand } from '../testing/edge-stand.js';
import { LEDGER, ReactionStand } from '../testing/reaction-stand.js';

const LONG_MS = 60_000;

describe('a query edge whose provider is cut off', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let stand: EdgeStand;
  let id: string;

  beforeEach(async () => {
    nats = await testNats();
    id = randomUUID();
    const name = `${uniqueName('tasks')} -> projects.GetProject`;
    stand = await new EdgeStand(name, nats.connection, { sampleShare: 1 }).start();
    stand.put('p1');
  });
  afterEach(async () => {
    await stand.stop();
    await nats.close();
  });

  const cutOff = async (forMs = LONG_MS): Promise<CutReport> => {
    return (await stand.edge.perform({ do: 'cut-off', id, forMs })) as CutReport;
  };
  const report = async (): Promise<CutReport> => (await stand.edge.perform({ do: 'cut', id })) as CutReport;

  it('lets its replica answer, and no call through to the provider', async () => {
    await stand.move('prefer-replica');
    stand.provider.rows.set('p2', stand.provider.rows.get('p1')!);
    expect(await cutOff()).toMatchObject({ isCut: true, calls: 0 });
    await stand.get('p1');
    expect(await stand.failure('p2')).toMatchObject({ code: status.UNAVAILABLE });
    expect(stand.provider.calls).toBe(0);
    expect(await report()).toMatchObject({ calls: 2, failed: 1, cut: 1, open: 0 });
  });

  it('compares nothing meanwhile: an absence is no disagreement', async () => {
    await stand.move('prefer-replica');
    await cutOff();
    await stand.get('p1');
    const { comparisons } = await stand.evidence();
    expect(Object.values(comparisons)).toEqual(Object.values(comparisons).map(() => 0));
  });

  it('counts an answer of the business as one, and a call that is given up as no failure', async () => {
    await stand.move('replica');
    await cutOff();
    expect(await stand.failure('p9')).toMatchObject({ code: status.NOT_FOUND });
    expect(await report()).toMatchObject({ calls: 1, failed: 0, cut: 0 });
  });

  it('has it back after its time, whoever asked being gone', async () => {
    await cutOff(50);
    expect(await stand.failure('p1')).toMatchObject({ code: status.UNAVAILABLE });
    await expect.poll(async () => (await report()).isCut).toBe(false);
    await stand.get('p1');
    expect(await report()).toMatchObject({ calls: 1, failed: 1 });
  });

  it('is in one rehearsal at a time, which can be ended', async () => {
    await cutOff();
    await expect(stand.edge.perform({ do: 'cut-off', id: 'other', forMs: 1 })).rejects.toThrow(
      'BANYAN_REHEARSAL_REFUSED',
    );
    await expect(stand.edge.perform({ do: 'cut', id: 'other' })).rejects.toThrow(
      'it knows no rehearsal other',
    );
    expect(await stand.edge.perform({ do: 'restore', id })).toMatchObject({ isCut: false });
    await stand.get('p1');
  });
});

describe('a reaction edge whose calls are refused', () => {
  it('has its effects done by events, and counts each call that comes as failed', async () => {
    const nats = await testNats();
    const database = await testDatabase({ roles: ['outbox', 'subscriber'], statements: [LEDGER] });
    const caller = uniqueName('projects');
    const stand = new ReactionStand({ caller, database, connection: nats.connection });
    try {
      await stand.stageIs('dual');
      await stand.receiver.perform({ do: 'cut-off', id: 'r', forMs: LONG_MS });
      await stand.archive('p1');
      await stand.deliver('p1');
      expect(await stand.effects()).toEqual(['p1 by event']);
      expect(await stand.receiver.perform({ do: 'restore', id: 'r' })).toMatchObject({ calls: 2, failed: 1 });
      await stand.archive('p2');
      expect(await stand.effects()).toEqual(['p1 by event', 'p2 by call']);
    } finally {
      await stand.stop();
      await database.drop();
      await nats.close();
    }
  });
});
