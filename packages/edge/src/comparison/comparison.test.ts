import { describe, expect, it } from 'vitest';
import { systemClock } from '@banyan/runtime';
import {
  compareSides,
  type ComparisonRules,
  type Judgement,
  type ProviderAnswer,
  type Sides,
} from './comparison.js';
import { FieldComparison } from './fields/field-comparison.js';
import { FieldRules } from './fields/field-rules.js';
import { PlainReader } from './fields/plain-tree.js';
import { Redactor } from './fields/redactor.js';
import type { ReplicaAnswer } from '../query/replica-reader.js';

interface Thing {
  version: number;
  name: string;
}

const RULES: ComparisonRules<Thing> = {
  version: (thing) => thing.version,
  fields: new FieldComparison<Thing>({
    reader: new PlainReader<Thing>(),
    rules: new FieldRules(
      { ignore: [], unordered: [], tolerance: {}, equal: {}, sensitive: 'all' },
      () => undefined,
    ),
    redactor: new Redactor(),
  }),
  lateDeadlineMs: 300,
};
const IN_TIME = { ...RULES, lateDeadlineMs: 60_000 };

const found = (version: number, name = `v${version}`): { kind: 'found'; response: Thing } => ({
  kind: 'found',
  response: { version, name },
});
const absent = { kind: 'not-found' } as const;

interface Play {
  provider: ProviderAnswer<Thing>;
  /** What the replica says, read after read; the last again and again. */
  replica: [ReplicaAnswer<Thing>, ...ReplicaAnswer<Thing>[]];
  /** What the provider says when asked again. */
  again?: ProviderAnswer<Thing>;
}

function compare({ provider, replica, again }: Play, rules = IN_TIME): Promise<Judgement> {
  const [first, ...later] = replica;
  let last = first;
  const sides: Sides<Thing> = {
    provider,
    answeredMs: systemClock.monotonicMs(),
    replica: first,
    readAgain: () => Promise.resolve((last = later.shift() ?? last)),
    askAgain: () => Promise.resolve(again ?? provider),
  };
  return compareSides(sides, rules, new AbortController().signal);
}

describe('a comparison', () => {
  it('is equal when both say the same at the same version', async () => {
    expect(await compare({ provider: found(3), replica: [found(3)] })).toEqual({
      outcome: 'equal',
      version: 3,
    });
  });

  it('is equal when both know no such thing', async () => {
    expect((await compare({ provider: absent, replica: [absent] })).outcome).toBe('equal');
  });

  it('is wrong when the same version says something else, and names the fields only', async () => {
    const judgement = await compare({ provider: found(3, 'secret'), replica: [found(3, 'other')] });
    expect(judgement).toEqual({ outcome: 'wrong', version: 3, fields: ['name'], patterns: ['name'] });
    expect(JSON.stringify(judgement)).not.toContain('secret');
  });

  it('is late when the replica reaches the version in time and then says the same', async () => {
    const judgement = await compare({ provider: found(3), replica: [found(1), found(2), found(3)] });
    expect(judgement).toMatchObject({ outcome: 'late', version: 3 });
    expect(judgement.lateMs).toBeGreaterThan(0);
  });

  it('is wrong, not late, when the replica reaches the version and says something else', async () => {
    const judgement = await compare({ provider: found(3), replica: [found(2), found(3, 'other')] });
    expect(judgement).toEqual({ outcome: 'wrong', version: 3, fields: ['name'], patterns: ['name'] });
  });

  it('is wrong when the replica does not reach the version before the deadline', async () => {
    const judgement = await compare({ provider: found(3), replica: [found(2)] }, RULES);
    expect(judgement).toMatchObject({ outcome: 'wrong', note: 'the replica stayed at version 2' });
  });

  it('is late when something new appears in the replica in time, missing when it does not', async () => {
    expect((await compare({ provider: found(1), replica: [absent, found(1)] })).outcome).toBe('late');
    expect(await compare({ provider: found(1), replica: [absent] }, RULES)).toEqual({
      outcome: 'missing',
      version: 1,
    });
  });

  it('is late when something gone vanishes from the replica in time, extra when it does not', async () => {
    expect((await compare({ provider: absent, replica: [found(1), absent] })).outcome).toBe('late');
    expect((await compare({ provider: absent, replica: [found(1)] }, RULES)).outcome).toBe('extra');
  });

  it('is unjudged when the thing came or went at the provider meanwhile', async () => {
    const gone = await compare({ provider: found(1), replica: [absent], again: absent }, RULES);
    const came = await compare({ provider: absent, replica: [found(1)], again: found(1) }, RULES);
    expect([gone.outcome, came.outcome]).toEqual(['unjudged', 'unjudged']);
  });

  it('is unjudged when the key has begun a new life at the provider, whose versions count from 1 again', async () => {
    const anew = await compare({ provider: found(5), replica: [found(1)], again: found(1) }, RULES);
    expect(anew.outcome).toBe('unjudged');
  });

  it('is unjudged when the replica is ahead of the answer, at once or after having been behind', async () => {
    expect((await compare({ provider: found(3), replica: [found(4)] })).note).toBe('the replica is ahead');
    expect((await compare({ provider: found(3), replica: [found(2), found(4)] })).outcome).toBe('unjudged');
  });

  it('is unjudged without a version', async () => {
    expect((await compare({ provider: found(0), replica: [found(3)] })).outcome).toBe('unjudged');
    expect((await compare({ provider: found(3), replica: [found(0)] })).outcome).toBe('unjudged');
  });

  it('is one-sided when the replica fails, or the provider refuses what the replica answers', async () => {
    const failed = { kind: 'failed', reason: 'timeout' } as const;
    expect((await compare({ provider: found(3), replica: [failed] })).outcome).toBe('oneSided');
    const refused = { kind: 'refused', code: 7 } as const;
    expect((await compare({ provider: refused, replica: [found(3)] })).outcome).toBe('oneSided');
  });

  it('is unjudged when the provider could not be asked', async () => {
    const judgement = await compare({ provider: { kind: 'failed', code: 14 }, replica: [found(3)] });
    expect(judgement).toMatchObject({ outcome: 'unjudged', note: 'provider: status 14' });
  });
});
