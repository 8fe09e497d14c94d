import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startNats, temporaryFolder } from '@banyan/devstack';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseEdge } from '../edge-name.js';
import { changeFlag } from '../flag/change-flag.js';
import { planFlag } from '../flag/plan-flag.js';
import { changeStage, type StageChange } from '../change-stage.js';
import type { StageRecord } from '../stage-record.js';
import { StageStore } from '../stage-store.js';
import { AuditLog } from './audit-log.js';
import { AUDIT_STREAM } from './audit-stream.js';
import { readTrail, type TrailEntry } from './audit-trail.js';
import { stageRecordOf } from './change-entry.js';

const EDGE = 'tasks -> projects.GetProject';
const UNKNOWN_ID = '11111111-1111-4111-8111-111111111111';

describe('the audit log', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: Awaited<ReturnType<typeof startNats>>;
  let connection: NatsConnection;

  beforeAll(async () => {
    folder = await temporaryFolder();
    server = await startNats({ dir: folder.path, own: true });
  });
  afterAll(async () => {
    await server.stop();
    await folder.remove();
  });
  beforeEach(async () => {
    connection = await connect({ servers: server.url });
  });
  afterEach(async () => {
    const { streams } = await jetstreamManager(connection);
    for await (const { config } of streams.list()) await streams.delete(config.name);
    await connection.close();
  });

  async function change(given: Partial<StageChange> = {}): Promise<StageRecord> {
    const last = await (await StageStore.open(connection)).read(parseEdge(EDGE));
    const { record } = await changeStage(connection, {
      ...{ edge: EDGE, stage: 'shadow', from: 'call', by: 'ann', why: 'because', waitMs: 1, timeoutMs: 0 },
      expected: last?.record?.changeId,
      ...given,
    });
    return record;
  }

  const changes = async (): Promise<TrailEntry[]> => readTrail(connection, { kind: 'edge' });

  it('has who, when, why, from where, to where, on what evidence and whether forced, of edges and flags', async () => {
    const evidence = { outcome: 'fail', reasons: ['3 of 9 differ'] };
    await change();
    const record = await change({
      stage: 'prefer-replica',
      from: 'shadow',
      share: 10,
      evidence,
      forced: true,
    });
    const move = planFlag('by-event', undefined, { value: true, share: 5 });
    await changeFlag(connection, {
      ...{ flag: 'by-event', move, by: 'bob', why: 'a try', expected: undefined, waitMs: 1, timeoutMs: 0 },
    });
    const [log, first, forced, flag] = await readTrail(connection);
    expect(log).toMatchObject({ kind: 'log', why: 'the log begins', outcome: 'done' });
    expect(first).toMatchObject({ from: 'call', to: 'shadow', outcome: 'made' });
    expect(forced).toMatchObject({
      ...{ id: record.changeId, about: EDGE, by: 'ann', why: 'because', at: record.at },
      ...{ from: 'shadow', to: 'prefer-replica@10', evidence, forced: true, outcome: 'made' },
    });
    expect(flag).toMatchObject({ kind: 'flag', about: 'by-event', by: 'bob', to: 'true 5 %, else false' });
    expect(stageRecordOf(forced!)).toEqual(record);
  });

  it('begins although somebody listens to its subjects, who keeps the broker from saying that nobody stores them', async () => {
    const listening = connection.subscribe('audit.>');
    await change({ why: 'heard' });
    expect(await changes()).toMatchObject([{ why: 'heard', outcome: 'made' }]);
    listening.unsubscribe();
  });

  it('keeps what the bucket has dropped', async () => {
    for (let i = 0; i < 70; i += 1) await change({ why: `change ${i}` });
    expect(await (await StageStore.open(connection)).history(parseEdge(EDGE))).toHaveLength(64);
    const all = await changes();
    expect(all.map(({ why }) => why)).toEqual(Array.from({ length: 70 }, (_, i) => `change ${i}`));
    expect(new Set(all.map(({ outcome }) => outcome))).toEqual(new Set(['made']));
    expect(await readTrail(connection, { about: EDGE, limit: 2 })).toMatchObject([
      { why: 'change 68' },
      { why: 'change 69' },
    ]);
  });

  it('refuses a change that it cannot tell of, and says so', async () => {
    await change();
    const { streams } = await jetstreamManager(connection);
    await streams.update(AUDIT_STREAM, { max_msg_size: 64 });
    await expect(change({ stage: 'prefer-replica', from: 'shadow' })).rejects.toThrow(
      'BANYAN_AUDIT_UNWRITABLE',
    );
    const move = planFlag('by-event', undefined, { value: true });
    const flag = { flag: 'by-event', move, by: 'bob', why: 'a try', expected: undefined, waitMs: 1 };
    await expect(changeFlag(connection, flag)).rejects.toThrow('BANYAN_AUDIT_UNWRITABLE');
    const store = await StageStore.open(connection);
    expect(await store.read(parseEdge(EDGE))).toMatchObject({ record: { stage: 'shadow', change: 1 } });
  });

  it('lets no other stream swallow its entries', async () => {
    const { streams } = await jetstreamManager(connection);
    await streams.add({ name: 'theirs', subjects: ['audit.edge.>'] });
    await expect(change()).rejects.toThrow('BANYAN_AUDIT_UNWRITABLE');
    expect((await streams.info('theirs')).state.messages).toBe(0);
  });

  it('marks entries whose change never came in force', async () => {
    await change();
    const at = new Date(Date.now() - 60_000).toISOString();
    const died = { id: UNKNOWN_ID, at, from: 'shadow', to: 'replica', details: { kind: 'query', change: 2 } };
    await new AuditLog(connection).append({ kind: 'edge', about: EDGE, by: 'eve', why: 'died', ...died });
    await Promise.allSettled(Array.from({ length: 5 }, () => change({ why: 'race' })));
    const all = await changes();
    const outcomesOf = (why: string): string[] =>
      all.filter((each) => each.why === why).map(({ outcome }) => outcome);
    expect(outcomesOf('died')).toEqual(['not made']);
    const stored = await (await StageStore.open(connection)).history(parseEdge(EDGE));
    expect(outcomesOf('race').filter((outcome) => outcome === 'made')).toHaveLength(stored.length - 1);
  });

  it('lets nobody delete an entry, or all of them', async () => {
    await change();
    const { streams } = await jetstreamManager(connection);
    await expect(streams.deleteMessage(AUDIT_STREAM, 1)).rejects.toThrow(/denied|not permitted/);
    await expect(streams.purge(AUDIT_STREAM)).rejects.toThrow(/denied|not permitted/);
    expect(await changes()).toHaveLength(1);
  });

  it('is made anew when the broker has lost it, says so, and shows what the bucket still knows', async () => {
    await change({ why: 'before' });
    await (await jetstreamManager(connection)).streams.delete(AUDIT_STREAM);
    expect(await changes()).toMatchObject([{ why: 'before', outcome: 'made', lost: true }]);
    await change({ why: 'after' });
    expect(await readTrail(connection)).toMatchObject([
      { kind: 'edge', why: 'before', lost: true },
      { kind: 'log', why: expect.stringMatching(/made anew.*1 in the stage bucket/) },
      { kind: 'edge', why: 'after' },
    ]);
  });

  it('takes what others have done: runs, rehearsals, parked keys, by kind and by what it was about', async () => {
    const log = new AuditLog(connection);
    await log.append({ kind: 'run', about: 'teams, projects', by: 'ann', why: 'begun', to: 'step 1' });
    await log.append({ kind: 'rehearsal', about: EDGE, by: 'ann', why: 'cut off' });
    await log.append({ kind: 'parked', about: 'projects/project/p.1', by: 'ann', why: 'skipped' });
    await change();
    expect(await log.read({ kind: 'run' })).toMatchObject([{ about: 'teams, projects', to: 'step 1' }]);
    expect(await log.read({ about: EDGE })).toMatchObject([{ kind: 'rehearsal' }, { kind: 'edge' }]);
    expect(await log.read({ about: 'projects/project/p.1' })).toMatchObject([{ kind: 'parked' }]);
    expect(await log.read({ sinceMs: Date.now() + 60_000 })).toEqual([]);
  });
});
