import { status } from '@grpc/grpc-js';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { archived, LEDGER, ReactionStand } from '../testing/reaction-stand.js';
import { metadataOf } from './call-metadata.js';
import { Reactions, reactions } from './reactions.js';

let database: TestDatabase;
let nats: TestNats;
let stand: ReactionStand;

beforeEach(async () => {
  [database, nats] = await Promise.all([
    testDatabase({ roles: ['outbox', 'subscriber'], statements: [LEDGER] }),
    testNats(),
  ]);
  stand = newStand();
});

afterEach(async () => {
  await stand.stop();
  await Promise.all([database.drop(), nats.close()]);
});

function newStand(options: ConstructorParameters<typeof ReactionStand>[1] = {}): ReactionStand {
  const { connection } = nats;
  return new ReactionStand({ caller: uniqueName('projects'), database, connection }, options);
}

const counts = () => stand.receiver.report(true).evidence.at(-1)?.counts;

describe('a reaction', () => {
  it('is done by the call at stage call, and its event leaves it to the call', async () => {
    await stand.archive('p1');
    await stand.deliver('p1');
    expect(await stand.effects()).toEqual(['p1 by call']);
    expect(counts()).toMatchObject({ byCall: 1, leftToCall: 1 });
  });

  it('is done once at dual when the call comes first, and once when the event does', async () => {
    await stand.stageIs('dual');
    await stand.archive('p1');
    await stand.deliver('p1');
    expect(await stand.effects()).toEqual(['p1 by call']);
    expect(counts()).toMatchObject({ byCall: 1, repeatedEvents: 1 });
    const [origin] = stand.origins;
    await stand.database.pool.query('truncate banyan.reaction_done, ledger');
    await stand.deliver('p1');
    expect(await stand.call({ id: 'p1', version: 1 }, origin)).toEqual({ note: 'p1 by event' });
    expect(await stand.effects()).toEqual(['p1 by event']);
  });

  it('is done by the event alone at stage event', async () => {
    await stand.stageIs('event');
    await stand.archive('p1');
    expect(stand.origins).toEqual([]);
    await stand.deliver('p1');
    await stand.deliver('p1');
    expect(await stand.effects()).toEqual(['p1 by event']);
  });

  it('obeys the stage that was stamped on its event, whatever the stage is when it comes', async () => {
    await stand.archive('p1');
    await stand.stageIs('event');
    await stand.archive('p2');
    await stand.stageIs('call');
    await stand.deliver('p2');
    await stand.deliver('p1');
    expect(await stand.effects()).toEqual(['p1 by call', 'p2 by event']);
  });

  it('is brought by the event when its process dies between commit and call, from dual on', async () => {
    await stand.stageIs('dual');
    const effects = reactions(stand.caller).begin();
    await stand.inTransaction((tx) => effects.emit(tx, archived, { id: 'p1', version: 1 }));
    await stand.deliver('p1');
    expect(await stand.effects()).toEqual(['p1 by event']);
  });

  it('never happens if the transaction is rolled back', async () => {
    await stand.stageIs('dual');
    const failed = reactions(stand.caller).transaction(
      (work: Parameters<typeof stand.inTransaction<void>>[0]) => stand.inTransaction(work),
      async (_tx, emit) => {
        await stand.emit('p1', emit);
        throw new Error('changed its mind');
      },
    );
    await expect(failed).rejects.toThrow('changed its mind');
    await stand.deliver('p1');
    expect([stand.origins, await stand.effects()]).toEqual([[], []]);
  });

  it('reads its stage once for a transaction', async () => {
    const effects = reactions(stand.caller).begin();
    await stand.stageIs('event');
    await stand.inTransaction((tx) => effects.emit(tx, archived, { id: 'p1', version: 1 }));
    await effects.afterCommit();
    await stand.deliver('p1');
    expect(await stand.effects()).toEqual(['p1 by call']);
  });

  it('does nothing of an event that was written past it, and counts it', async () => {
    await stand.stageIs('event');
    await new Reactions([]).transaction(
      (work: Parameters<typeof stand.inTransaction<void>>[0]) => stand.inTransaction(work),
      (_tx, emit) => stand.emit('p1', emit),
    );
    await stand.deliver('p1');
    expect(await stand.effects()).toEqual([]);
    expect(counts()).toMatchObject({ unstamped: 1 });
  });
});

describe('the second of call and event', () => {
  it('waits for the first, and is answered with what it recorded', async () => {
    await stand.stageIs('dual');
    await emitOnly('p1');
    const origin = await originOf('p1');
    let answered: unknown;
    await stand.inTransaction(async (tx) => {
      await stand.apply(tx, 'p1', await rowOf('p1'));
      void stand.call({ id: 'p1', version: 1 }, origin).then((answer) => (answered = answer));
      await untilSomebodyWaits();
      expect(answered).toBeUndefined();
    });
    await vi.waitFor(() => expect(answered).toEqual({ note: 'p1 by event' }), { timeout: 10_000 });
    expect(await stand.effects()).toEqual(['p1 by event']);
  });

  it('does the effect itself if the first is rolled back', async () => {
    await stand.stageIs('dual');
    await emitOnly('p1');
    const origin = await originOf('p1');
    let answer: Promise<unknown> | undefined;
    const first = stand.inTransaction(async (tx) => {
      await stand.apply(tx, 'p1', await rowOf('p1'));
      answer = stand.call({ id: 'p1', version: 1 }, origin);
      await untilSomebodyWaits();
      throw new Error('crash');
    });
    await expect(first).rejects.toThrow('crash');
    expect(await answer).toEqual({ note: 'p1 by call' });
    expect(await stand.effects()).toEqual(['p1 by call']);
  });

  it('hears the same no, and the effect’s own writes are undone', async () => {
    await stand.stageIs('dual');
    await emitOnly('no1');
    const origin = await originOf('no1');
    await expect(stand.call({ id: 'no1', version: 1 }, origin)).rejects.toThrow('no to no1');
    await expect(stand.call({ id: 'no1', version: 1 }, origin)).rejects.toThrow('no to no1');
    await stand.deliver('no1');
    expect(await stand.effects()).toEqual([]);
    expect(counts()).toMatchObject({ byCall: 1, refused: 1, repeatedCalls: 1, repeatedEvents: 1 });
  });

  it('is told so if the answer was too large to be kept', async () => {
    await stand.stop();
    stand = newStand({ maxAnswerBytes: 5 });
    await emitOnly('p1');
    const origin = await originOf('p1');
    await stand.call({ id: 'p1', version: 1 }, origin);
    await expect(stand.call({ id: 'p1', version: 1 }, origin)).rejects.toMatchObject({
      code: status.ALREADY_EXISTS,
    });
    expect(await stand.effects()).toEqual(['p1 by call']);
  });
});

describe('a call without an event id', () => {
  const plain = (caller?: string) => stand.call({ id: 'p1', version: 1 }, undefined, caller);

  it('is served and counted at stage call, by who made it', async () => {
    await plain();
    await plain();
    expect(await stand.effects()).toEqual(['p1 by call', 'p1 by call']);
    expect(stand.receiver.report(true).withoutId).toMatchObject([
      { caller: stand.edge.split(' ')[0], calls: 2 },
    ]);
  });

  it.each(['dual', 'event'] as const)('is refused at %s, with the reason', async (stage) => {
    await stand.stageIs(stage);
    await expect(plain()).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: `${stand.edge} is at ${stage}: a call must say which event it stands for`,
    });
    await expect(plain('unknown')).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
    expect(await stand.effects()).toEqual([]);
  });

  it('of a service that is not on the edge is served at every stage', async () => {
    await stand.stageIs('dual');
    await plain('gateway');
    expect(await stand.effects()).toEqual(['p1 by call']);
    expect(stand.receiver.report(true).withoutId).toEqual([]);
  });
});

describe('the record of a reaction', () => {
  const age = (by: string) =>
    stand.database.pool.query(`update banyan.reaction_done set emitted_at = emitted_at - $1::interval`, [by]);

  it('is kept until its event has come, however old it is', async () => {
    await stand.stageIs('dual');
    await stand.archive('p1');
    await age('1 day');
    expect(await stand.receiver.prune()).toBe(0);
    await stand.deliver('p1');
    expect(await stand.effects()).toEqual(['p1 by call']);
    expect(await stand.receiver.prune()).toBe(1);
  });

  it('is not waited for by an event that leaves the effect to the call', async () => {
    await stand.archive('p1');
    expect(await stand.receiver.prune()).toBe(0);
    await age('17 minutes');
    expect(await stand.receiver.prune()).toBe(1);
  });

  it('is pruned only when calls so old are refused', async () => {
    await stand.stageIs('dual');
    await stand.archive('p1');
    await stand.deliver('p1');
    const [origin] = stand.origins;
    await age('17 minutes');
    expect(await stand.receiver.prune()).toBe(1);
    origin?.metadata.set('banyan-event-time', String(Date.now() - 17 * 60_000));
    await expect(stand.call({ id: 'p1', version: 1 }, origin)).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      reason: 'REACTION_TOO_OLD',
    });
    expect(await stand.effects()).toEqual(['p1 by call']);
  });
});

describe('going back from event', () => {
  it('turns calls away until the subscriber has what was left to events, so that none overtakes them', async () => {
    await stand.stageIs('event');
    await stand.archive('p1');
    await stand.stageIs('dual');
    await stand.archive('p1');
    expect(await stand.effects()).toEqual([]);
    expect(counts()).toMatchObject({ refusedTooEarly: 1 });
    await stand.deliver('p1');
    expect(await stand.effects()).toEqual(['p1 by event', 'p1 by event']);
    const changedMs = Date.parse(stand.caller.stage.running.since);
    stand.freshness = { asOfMs: changedMs + 29_999, listsAsOfMs: undefined };
    await stand.archive('p2');
    expect(counts()).toMatchObject({ refusedTooEarly: 2 });
    stand.freshness = { asOfMs: Date.now() + 31_000, listsAsOfMs: undefined };
    await stand.archive('p3');
    expect((await stand.effects()).at(-1)).toBe('p3 by call');
  });

  it('begins anew with an event of a process that had not heard of the change', async () => {
    await stand.stageIs('event');
    const behind = reactions(stand.caller).begin();
    await stand.stageIs('dual');
    const changedMs = Date.parse(stand.caller.stage.running.since);
    stand.freshness = { asOfMs: changedMs + 30_000, listsAsOfMs: undefined };
    await stand.archive('p0');
    await stand.inTransaction((tx) => behind.emit(tx, archived, { id: 'p1', version: 1 }));
    await stand.deliver('p1');
    await stand.archive('p2');
    expect(await stand.effects()).toEqual(['p0 by call', 'p1 by event']);
    expect(counts()).toMatchObject({ refusedTooEarly: 1 });
  });
});

async function emitOnly(id: string): Promise<void> {
  const effects = reactions(stand.caller).begin();
  await stand.inTransaction((tx) => effects.emit(tx, archived, { id, version: 1 }));
}

const rowOf = async (id: string) => {
  const { rows } = await stand.database.pool.query<Parameters<typeof stand.apply>[2]>(
    'select event_id, aggregate_version, emitted_at, headers, payload from banyan.outbox where aggregate_id = $1',
    [id],
  );
  return rows[0]!;
};

/** What the call of an emitted event would be made with. */
async function originOf(id: string) {
  const { event_id: eventId, emitted_at: at } = await rowOf(id);
  const { stage, change } = stand.caller.stage.running;
  const { key: edge } = stand.caller.stage.name;
  const event = { eventId, source: 'projects', key: `project/${id}`, version: 1, emittedAtMs: at.getTime() };
  return { deadlineMs: Date.now() + 60_000, metadata: metadataOf({ edge, stage, change, ...event }) };
}

/** A statement waits for another transaction. */
async function untilSomebodyWaits(): Promise<void> {
  await vi.waitFor(
    async () => {
      const { rows } = await stand.database.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(rows).toHaveLength(1);
    },
    { timeout: 10_000 },
  );
}
