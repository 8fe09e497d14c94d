import { setTimeout as after } from 'node:timers/promises';
import type { GetProjectResponse } from '@banyan/contracts/projects';
import { testNats, uniqueName } from '@banyan/devstack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EdgeStand, projectOf, type EdgeSettings } from '../testing/edge-stand.js';

/** How far the replica lags at most, in ms. The full 5 s: BANYAN_LAG_MS=5000 npx vitest run <this file>. */
const LAG_MS = Number(process.env['BANYAN_LAG_MS'] ?? 1_000);
const SEED = Number(process.env['BANYAN_SEED'] ?? 42);
const KEYS = 60;
const WRITES = 400;

type Corruption =
  'none' | 'changed' | 'lost-update' | 'lost-create' | 'kept-deleted' | 'never-was' | 'throws';
const CORRUPTIONS = ['changed', 'lost-update', 'lost-create', 'kept-deleted', 'never-was', 'throws'] as const;
/** How each is to be classed. */
const CLASSES: Record<(typeof CORRUPTIONS)[number], 'wrong' | 'missing' | 'extra' | 'oneSided'> = {
  changed: 'wrong',
  'lost-update': 'wrong',
  'lost-create': 'missing',
  'kept-deleted': 'extra',
  'never-was': 'extra',
  throws: 'oneSided',
};

/** mulberry32: a seed gives the same run again. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * A replica that follows its source as a subscriber does: every change of a key in order, each a random time after it was
 * made, never before the one that it follows; and with a corruption planted in some keys.
 */
class LaggingReplica {
  readonly #appliedBy = new Map<string, Promise<unknown>>();

  constructor(
    readonly stand: EdgeStand,
    readonly random: () => number,
    readonly corruptionOf: (id: string) => Corruption,
  ) {}

  apply(id: string, row: GetProjectResponse | undefined, isLast: boolean): void {
    const lag = after(this.random() * LAG_MS);
    const before = this.#appliedBy.get(id) ?? Promise.resolve();
    this.#appliedBy.set(
      id,
      Promise.all([lag, before]).then(() => this.#write(id, row, isLast)),
    );
  }

  async caughtUp(): Promise<void> {
    await Promise.all(this.#appliedBy.values());
  }

  #write(id: string, row: GetProjectResponse | undefined, isLast: boolean): void {
    const { rows } = this.stand.replica;
    const corruption = this.corruptionOf(id);
    if (corruption === 'lost-create' || (corruption === 'lost-update' && isLast)) return;
    if (row === undefined) {
      if (corruption !== 'kept-deleted') rows.delete(id);
    } else rows.set(id, corruption === 'changed' && isLast ? changed(row) : row);
  }
}

/** The provider, whose changes the replica follows. */
class Source {
  readonly #versions = new Map<string, number>();

  constructor(
    readonly stand: EdgeStand,
    readonly replica: LaggingReplica,
  ) {}

  write(id: string, which: 'last' | 'another' = 'another'): void {
    const version = (this.#versions.get(id) ?? 0) + 1;
    this.#versions.set(id, version);
    const row = projectOf(id, version);
    this.stand.provider.rows.set(id, row);
    this.replica.apply(id, row, which === 'last');
  }

  delete(id: string): void {
    this.stand.provider.rows.delete(id);
    this.replica.apply(id, undefined, false);
  }
}

async function ask(stand: EdgeStand, id: string): Promise<void> {
  await stand.get(id).catch(() => undefined);
}

function changed(row: GetProjectResponse): GetProjectResponse {
  const copy = structuredClone(row);
  if (copy.project !== undefined) copy.project.name = 'corrupt';
  return copy;
}

describe('comparisons with a replica that lags and is corrupt in places', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let stand: EdgeStand;
  /** An edge with the same two sides, which does not wait long for the replica. */
  let hasty: EdgeStand;

  beforeAll(async () => {
    nats = await testNats();
    const edge = (settings: EdgeSettings): Promise<EdgeStand> =>
      new EdgeStand(`${uniqueName('tasks')} -> projects.GetProject`, nats.connection, {
        comparisonsAtOnce: 10_000,
        queueLimit: 100_000,
        ...settings,
      }).start();
    // Those of keys that are deleted meanwhile wait for all of it.
    stand = await edge({ lateDeadlineMs: 2 * LAG_MS + 6_000 });
    hasty = await edge({ lateDeadlineMs: 500, replica: stand.replica });
    hasty.provider.handler = (call, answer) => stand.provider.handler(call, answer);
  });
  afterAll(async () => {
    await Promise.all([stand.stop(), hasty.stop()]);
    await nats.close();
  });

  it('raise no false alarm, and find and class every corruption', { timeout: 120_000 }, async () => {
    const random = randomOf(SEED);
    const corruptions = new Map<string, Corruption>(
      CORRUPTIONS.flatMap((each) => [1, 2, 3].map((n) => [`${each}-${n}`, each] as const)),
    );
    const corruptionOf = (id: string): Corruption => corruptions.get(id) ?? 'none';
    const source = new Source(stand, new LaggingReplica(stand, random, corruptionOf));
    const healthy = Array.from({ length: KEYS }, (_, i) => `p${i}`);
    const written = [...healthy, ...corruptions.keys()].filter((id) => corruptionOf(id) !== 'never-was');
    const any = (ids: readonly string[]): string => ids[Math.floor(random() * ids.length)] ?? '';
    await stand.move('shadow');

    // Writes, deletes and reads, all mixed, while the replica is behind: whatever is told of a healthy key is a false alarm.
    for (const id of written) source.write(id);
    for (let n = 0; n < WRITES; n += 1) {
      const id = any(written);
      if (random() < 0.1) source.delete(id);
      else source.write(id);
      await Promise.all([ask(stand, any(healthy)), ask(stand, any(healthy))]);
    }
    const lagging = (await stand.evidence()).comparisons;
    expect(lagging).toMatchObject({ wrong: 0, missing: 0, extra: 0, oneSided: 0, shed: 0 });
    expect(lagging.late).toBeGreaterThan(20);

    // The last state of each key, the corruptions planted in it: each is found, as what it is.
    for (const id of written) source.write(id, 'last');
    for (const id of written) if (corruptionOf(id) === 'kept-deleted') source.delete(id);
    for (const [id, each] of corruptions) {
      if (each === 'never-was') stand.replica.put(projectOf(id, 1));
      if (each === 'throws') stand.replica.failing.add(id);
    }
    await source.replica.caughtUp();
    await hasty.move('shadow');
    await Promise.all([...healthy, ...corruptions.keys()].map((id) => ask(hasty, id)));
    const { comparisons } = await hasty.evidence();
    const planted = { wrong: 0, missing: 0, extra: 0, oneSided: 0, late: 0, equal: KEYS };
    for (const each of corruptions.values()) if (each !== 'none') planted[CLASSES[each]] += 1;
    expect(comparisons).toMatchObject(planted);
  });
});
