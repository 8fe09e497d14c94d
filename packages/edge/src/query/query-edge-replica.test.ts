import { InterceptingCall, Metadata, propagate, status, type Interceptor } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FallbackReason } from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import type { MemoryReplica } from '../testing/memory-replica.js';
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

const broken = (): Promise<void> => Promise.reject(new Error('broken'));
const hanging = (): Promise<void> => NEVER;

type Hurt = (replica: MemoryReplica) => void;
const HURTS: [reason: FallbackReason, hurt: Hurt][] = [
  ['stale', (replica) => (replica.ageMs = 60_000)],
  ['stale', (replica) => (replica.ageMs = undefined)],
  ['missing', (replica) => replica.rows.clear()],
  ['error', (replica) => (replica.before = broken)],
  ['timeout', (replica) => (replica.before = hanging)],
];

describe('an edge at the stage prefer-replica', () => {
  it('answers from a fresh replica and asks the provider only for the sample', async () => {
    const stand = await standOf({ sampleShare: 0 });
    stand.put('a', 3);
    await stand.move('prefer-replica');
    expect(await stand.get('a')).toEqual(projectOf('a', 3));
    expect((await stand.evidence()).calls).toEqual({ ok: 1, failed: 0, byReplica: 1 });
    expect(stand.provider.calls).toBe(0);
  });

  it('compares a sample with the provider, without the caller’s deadline', async () => {
    const stand = await standOf({ sampleShare: 1 });
    stand.put('a', 3);
    stand.provider.rows.set('a', projectOf('a', 3, 'another name'));
    await stand.move('prefer-replica');
    await stand.get('a', { deadline: Date.now() + 20_000 });
    expect((await stand.evidence()).comparisons).toMatchObject({ wrong: 1 });
    expect(stand.provider.calls).toBe(1);
  });

  it.each(HURTS)('asks the provider when the replica is no help: %s', async (reason, hurt) => {
    const stand = await standOf({ readTimeoutMs: 50, sampleShare: 0 });
    stand.put('a', 3);
    hurt(stand.replica);
    await stand.move('prefer-replica');
    expect(await stand.get('a')).toEqual(projectOf('a', 3));
    const { calls, fallbacks } = await stand.evidence();
    expect(calls).toEqual({ ok: 1, failed: 0, byReplica: 0 });
    expect(fallbacks).toMatchObject({ [reason]: 1 });
  });

  it('leaves the provider half of a short deadline when the replica hangs', async () => {
    const stand = await standOf({ readTimeoutMs: 60_000, sampleShare: 0 });
    stand.put('a', 3);
    stand.replica.before = () => NEVER;
    await stand.move('prefer-replica');
    expect(await stand.get('a', { deadline: Date.now() + 3_000 })).toEqual(projectOf('a', 3));
  });

  it('does not pile up reads of a replica that hangs', async () => {
    const stand = await standOf({ readTimeoutMs: 10, maxReads: 3, sampleShare: 0 });
    stand.put('a');
    stand.replica.before = () => NEVER;
    await stand.move('prefer-replica');
    for (let i = 0; i < 8; i += 1) await stand.get('a');
    expect(stand.replica.reads).toBe(3);
    expect((await stand.evidence()).fallbacks).toMatchObject({ timeout: 3, busy: 5 });
  });

  it('passes the caller’s metadata to the provider, and its refusals to the caller', async () => {
    const stand = await standOf({ sampleShare: 0 });
    stand.replica.ageMs = undefined;
    stand.provider.handler = ({ metadata }, answer) => {
      answer({ code: status.PERMISSION_DENIED, details: String(metadata.get('who')[0]) });
    };
    await stand.move('prefer-replica');
    const metadata = new Metadata();
    metadata.set('who', 'ann');
    const error = new Promise((resolve) => {
      stand.client.getProject({ id: 'a' }, metadata, (failure) => resolve(failure));
    });
    expect(await error).toMatchObject({ code: status.PERMISSION_DENIED, details: 'ann' });
  });
});

describe('an edge at the stage replica', () => {
  it('answers with the provider gone', async () => {
    const stand = await standOf();
    stand.put('a', 3);
    await stand.move('replica');
    stand.provider.stop();
    expect(await stand.get('a')).toEqual(projectOf('a', 3));
    expect((await stand.evidence()).calls).toEqual({ ok: 1, failed: 0, byReplica: 1 });
  });

  it('says NOT_FOUND as the provider would, metadata included', async () => {
    const metadata = new Metadata();
    metadata.set('reason', 'PROJECT_UNKNOWN');
    const stand = await standOf({ notFound: ({ id }) => ({ details: `no project ${id}`, metadata }) });
    await stand.move('replica');
    const error = await stand.failure('x');
    expect(error).toMatchObject({ code: status.NOT_FOUND, details: 'no project x' });
    expect(error.metadata.get('reason')).toEqual(['PROJECT_UNKNOWN']);
  });

  it('answers for all but those that it is behind in', async () => {
    const stand = await standOf();
    stand.put('a', 3);
    stand.put('b', 3);
    stand.replica.parked.add('a');
    await stand.move('replica');
    expect((await stand.failure('a')).details).toMatch(
      /^BANYAN_REPLICA_STALE: the replica of .* is behind in what was asked for/,
    );
    expect(await stand.get('b')).toEqual(projectOf('b', 3));
  });

  it('says UNAVAILABLE with its code when the replica is stale or fails', async () => {
    const stand = await standOf();
    stand.put('a');
    await stand.move('replica');
    stand.replica.ageMs = 60_000;
    const stale = await stand.failure('a');
    expect(stale.code).toBe(status.UNAVAILABLE);
    expect(stale.details).toMatch(
      /^BANYAN_REPLICA_STALE: the replica of .* is 60\d{3} ms old, the budget is 30000 ms$/,
    );
    stand.replica.ageMs = 0;
    stand.replica.before = () => Promise.reject(new Error('password in here'));
    const failed = await stand.failure('a');
    expect(failed.details).toMatch(/^BANYAN_REPLICA_FAILED: the replica of .* gave no answer \(error\)$/);
  });

  it('counts the clock allowance, and the time of the read itself, against the budget', async () => {
    const stand = await standOf({ budget: { stalenessMs: 1_000 }, clockSkewMs: 400 });
    stand.put('a');
    await stand.move('replica');
    stand.replica.ageMs = 700;
    expect((await stand.failure('a')).details).toContain('BANYAN_REPLICA_STALE');
    stand.replica.ageMs = 400;
    stand.replica.before = () => new Promise((resolve) => setTimeout(resolve, 250));
    expect((await stand.failure('a')).details).toContain('BANYAN_REPLICA_STALE');
  });

  it('keeps deadlines and cancellation while the replica is read', async () => {
    const stand = await standOf();
    stand.put('a');
    let aborted = 0;
    stand.replica.before = ({ signal }) => {
      signal.addEventListener('abort', () => (aborted += 1));
      return NEVER;
    };
    await stand.move('replica');
    expect((await stand.failure('a', { deadline: Date.now() + 60 })).code).toBe(status.DEADLINE_EXCEEDED);
    expect(aborted).toBe(1);
    expect((await stand.failure('a', { deadline: Date.now() - 1 })).code).toBe(status.DEADLINE_EXCEEDED);
    const cancelled = new Promise((resolve) => {
      const call = stand.client.getProject({ id: 'a' }, (error) => resolve(error?.code));
      call.cancel();
    });
    expect(await cancelled).toBe(status.CANCELLED);
  });

  it('ends with the call that its caller serves meanwhile', async () => {
    const stand = await standOf();
    stand.replica.before = hanging;
    await stand.move('replica');
    const plain = stand.newPlainClient();
    const inner = new Promise((resolve) => {
      stand.provider.handler = (call) => {
        void stand.failure('inner', { parent: call }).then(({ code }) => resolve(code));
        outer.cancel();
      };
    });
    const outer = plain.getProject({ id: 'outer' }, () => undefined);
    expect(await inner).toBe(status.CANCELLED);
    plain.close();
  });

  it('inherits the deadline of the call that its caller serves', async () => {
    const stand = await standOf();
    stand.replica.before = hanging;
    await stand.move('replica');
    const plain = stand.newPlainClient();
    const inner = new Promise((resolve) => {
      stand.provider.handler = (call) => {
        const flags = { parent: call, propagate_flags: propagate.DEADLINE };
        void stand.failure('inner', flags).then(({ code }) => resolve(code));
      };
    });
    await new Promise<void>((resolve, reject) => {
      plain.waitForReady(Date.now() + 60_000, (error) => (error === undefined ? resolve() : reject(error)));
    });
    const deadline = Date.now() + 1_000;
    plain.getProject({ id: 'outer' }, new Metadata(), { deadline }, () => undefined);
    expect(await inner).toBe(status.DEADLINE_EXCEEDED);
    plain.close();
  });

  it('gives interceptors and listeners around it what a real call gives', async () => {
    const stand = await standOf();
    stand.put('a');
    await stand.move('replica');
    const seen: string[] = [];
    const around: Interceptor = (options, nextCall) =>
      new InterceptingCall(nextCall(options), {
        start: (metadata, _listener, next) => {
          next(metadata, {
            onReceiveMetadata: (received, pass) => {
              seen.push('metadata');
              pass(received);
            },
            onReceiveMessage: (message, pass) => {
              seen.push('message');
              pass(message);
            },
            onReceiveStatus: (end, pass) => {
              seen.push(`status ${end.code}`);
              pass(end);
            },
          });
        },
      });
    const client = stand.newClient([around]);
    await new Promise<void>((resolve) => {
      const call = client.getProject({ id: 'a' }, () => undefined);
      call.on('status', () => resolve());
      expect(call.getPeer()).toBe('replica');
    });
    client.close();
    expect(seen).toEqual(['metadata', 'message', 'status 0']);
  });
});
