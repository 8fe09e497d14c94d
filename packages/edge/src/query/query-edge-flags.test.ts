import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlagdProvider } from '@openfeature/flagd-provider';
import { OpenFeature, TypedInMemoryProvider, type Provider } from '@openfeature/server-sdk';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { fromOpenFeature, type OpenFeatureStages } from '@banyan/control/openfeature';
import { silentLogger } from '@banyan/runtime';
import { testNats, uniqueName } from '@banyan/devstack';
import { EdgeStand, projectOf } from '../testing/edge-stand.js';

const VARIANTS = {
  call: 'call',
  shadow: 'shadow',
  prefer: 'prefer-replica',
  typo: 'prefer_replica',
} as const;
const IDS = Array.from({ length: 20 }, (_, i) => `p${i}`);
const MOVED = ['p3', 'p7', 'p11'];

type Variant = keyof typeof VARIANTS;

describe('an edge whose stage another flag provider has', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let folder: string;
  let domain = 0;
  let edge: string;
  const stands: EdgeStand[] = [];
  const sources: OpenFeatureStages[] = [];
  const warn = vi.fn();

  beforeAll(async () => {
    nats = await testNats();
  });
  beforeEach(() => {
    warn.mockClear();
    edge = `${uniqueName('tasks')} -> projects.GetProject`;
    folder = mkdtempSync(join(tmpdir(), 'banyan-provider-'));
  });
  afterEach(async () => {
    await Promise.all(sources.splice(0).map((source) => source.stop()));
    await Promise.all(stands.splice(0).map((stand) => stand.stop()));
    await OpenFeature.close();
    rmSync(folder, { recursive: true, force: true });
  });
  afterAll(() => nats.close());

  /** A flag that gives `variant` to the keys of MOVED, and `others` to all others. */
  function flagsOf(variant: Variant, others: Variant = 'call') {
    const contextEvaluator = ({ targetingKey }: { targetingKey?: string }): Variant =>
      targetingKey !== undefined && MOVED.includes(targetingKey) ? variant : others;
    return { [edge]: { variants: VARIANTS, defaultVariant: others, disabled: false, contextEvaluator } };
  }

  async function standOn(provider: Provider): Promise<EdgeStand> {
    const name = `edges-${(domain += 1)}`;
    await OpenFeature.setProviderAndWait(name, provider);
    const logger = { ...silentLogger, warn };
    const options = { stateDir: folder, refreshEveryMs: 50, timeoutMs: 200, logger };
    const stages = fromOpenFeature(OpenFeature.getClient(name), options);
    sources.push(stages);
    const ramp = { by: 'project', keyOf: ({ id }: { id: string }) => id };
    const stand = new EdgeStand(edge, nats.connection, { stages, ramp, sampleShare: 0 });
    stands.push(stand);
    for (const id of IDS) {
      stand.provider.rows.set(id, projectOf(id, 1, 'of the provider'));
      stand.replica.put(projectOf(id, 1, 'of the replica'));
    }
    stages.start();
    return stand.start();
  }

  async function answeredByReplica(stand: EdgeStand): Promise<string[]> {
    const answers = await Promise.all(IDS.map((id) => stand.get(id)));
    return IDS.filter((_, index) => answers[index]?.project?.name === 'of the replica');
  }

  it('asks it for each call, with the request’s key, and reports where the stage is from', async () => {
    const provider = new TypedInMemoryProvider(flagsOf('prefer'));
    const stand = await standOn(provider);
    expect(await answeredByReplica(stand)).toEqual(MOVED);
    provider.putConfiguration(flagsOf('prefer', 'prefer'));
    expect(await answeredByReplica(stand)).toEqual(IDS);
    await vi.waitFor(
      () =>
        expect(stand.edge.report(true)).toMatchObject({
          running: { stage: 'prefer-replica', origin: 'provider', persisted: true },
          rampBy: 'project',
        }),
      { timeout: 15_000 },
    );
    const answered = stand.edge.report(true).evidence.map(({ stage, calls }) => [stage, calls.ok]);
    expect(answered).toEqual(
      expect.arrayContaining([
        ['call', IDS.length - MOVED.length],
        ['prefer-replica', IDS.length + MOVED.length],
      ]),
    );
  });

  it('leaves every key where it was when the value is no stage, and says so once', async () => {
    const provider = new TypedInMemoryProvider(flagsOf('prefer'));
    const stand = await standOn(provider);
    expect(await answeredByReplica(stand)).toEqual(MOVED);
    provider.putConfiguration(flagsOf('typo', 'typo'));
    expect(await answeredByReplica(stand)).toEqual(MOVED);
    expect(await answeredByReplica(stand)).toEqual(MOVED);
    expect(stand.edge.report(false)).toMatchObject({
      running: { stage: 'call', origin: 'provider' },
      held: { reason: 'unreadable' },
    });
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[1]).toMatchObject({
      why: expect.stringContaining('"prefer_replica" is none of'),
    });
  });

  it('leaves every key where it was when the provider hangs, and holds no call up for long', async () => {
    let hangs = false;
    const provider = new TypedInMemoryProvider(flagsOf('prefer'));
    const answer = provider.resolveStringEvaluation.bind(provider);
    provider.resolveStringEvaluation = (...args) => (hangs ? new Promise(() => undefined) : answer(...args));
    const stand = await standOn(provider);
    expect(await answeredByReplica(stand)).toEqual(MOVED);
    hangs = true;
    expect(await answeredByReplica(stand)).toEqual(MOVED);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it('starts at its last known stage while the provider has no answer yet', async () => {
    const before = await standOn(new TypedInMemoryProvider(flagsOf('prefer', 'shadow')));
    await vi.waitFor(
      () => expect(before.edge.stage).toMatchObject({ persisted: true, running: { stage: 'shadow' } }),
      { timeout: 15_000 },
    );
    const after = await standOn(new TypedInMemoryProvider({}));
    expect(after.edge.stage.running).toMatchObject({ stage: 'shadow', origin: 'file' });
    expect(await answeredByReplica(after)).toEqual([]);
    expect(after.edge.report(true).evidence).toMatchObject([{ stage: 'shadow', calls: { ok: IDS.length } }]);
  });

  it('may have it in flagd, in process from a file', async () => {
    const targeting = { if: [{ in: [{ var: 'targetingKey' }, MOVED] }, 'prefer', 'call'] };
    const flag = { state: 'ENABLED', variants: VARIANTS, defaultVariant: 'call', targeting };
    const offlineFlagSourcePath = join(folder, 'flags.json');
    writeFileSync(offlineFlagSourcePath, JSON.stringify({ flags: { [edge]: flag } }));
    const stand = await standOn(new FlagdProvider({ resolverType: 'in-process', offlineFlagSourcePath }));
    expect(await answeredByReplica(stand)).toEqual(MOVED);
    expect(warn).not.toHaveBeenCalled();
  });

  it('lets a call that is cancelled meanwhile go nowhere', async () => {
    let release: (value: { value: string }) => void = () => undefined;
    const provider = new TypedInMemoryProvider(flagsOf('prefer'));
    const stand = await standOn(provider);
    provider.resolveStringEvaluation = () => new Promise((resolve) => (release = resolve));
    const ended = new Promise<number | undefined>((resolve) => {
      const call = stand.client.getProject({ id: 'p1' }, (error) => resolve(error?.code));
      setImmediate(() => call.cancel());
    });
    expect(await ended).toBe(1);
    release({ value: 'call' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(stand.provider.calls).toBe(0);
  });
});
