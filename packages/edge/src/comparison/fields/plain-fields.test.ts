import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FieldComparison } from './field-comparison.js';
import { FieldRules } from './field-rules.js';
import { PlainReader } from './plain-tree.js';
import { Redactor } from './redactor.js';

const NONE: string[] = [];

function differingFields(a: unknown, b: unknown, ignore: string[]): string[] {
  const options = { ignore, unordered: [], tolerance: {}, equal: {}, sensitive: 'all' as const };
  const rules = new FieldRules(options, () => undefined);
  const parts = { reader: new PlainReader<unknown>(), rules, redactor: new Redactor() };
  return new FieldComparison(parts).differences(a, b).map(({ path }) => path);
}

describe('the fields in which two messages of an unknown type differ', () => {
  it('are none between equal messages, whatever they hold', () => {
    const value = fc.object({ withDate: true, withMap: true, withBigInt: true });
    fc.assert(
      fc.property(value, (message) => {
        expect(differingFields(message, structuredClone(message), NONE)).toEqual([]);
      }),
    );
  });

  it('are named by their paths', () => {
    const a = {
      project: { name: 'a', at: new Date(1), key: Buffer.from('x'), members: [{ id: 1 }, { id: 2 }] },
    };
    const b = {
      project: {
        name: 'b',
        at: new Date(2),
        key: Buffer.from('y'),
        members: [{ id: 1 }, { id: 3 }, { id: 4 }],
      },
    };
    expect(differingFields(a, b, NONE)).toEqual([
      'project.name',
      'project.at',
      'project.key',
      'project.members[1].id',
      'project.members[2]',
    ]);
  });

  it('treat an absent field like an undefined one, but not like null or zero', () => {
    expect(differingFields({ a: undefined }, {}, NONE)).toEqual([]);
    expect(differingFields({ a: null }, {}, NONE)).toEqual(['a']);
    expect(differingFields({ a: 0 }, {}, NONE)).toEqual(['a']);
  });

  it('compare bytes by value, whether Buffer or Uint8Array', () => {
    expect(differingFields({ a: Buffer.from([1, 2]) }, { a: new Uint8Array([1, 2]) }, NONE)).toEqual([]);
  });

  it('tell a message from a value of another kind', () => {
    expect(differingFields({ a: { b: 1 } }, { a: 1 }, NONE)).toEqual(['a']);
    expect(differingFields({ a: [] }, { a: {} }, NONE)).toEqual(['a']);
  });

  it('leave out what the ignore rules cover, with all that lies under it', () => {
    const ignores = ['project.stats', 'members[*].joinedAt', 'labels.*.hint'];
    const a = {
      project: { stats: { n: 1 }, statsTotal: 1 },
      members: [{ joinedAt: 1 }],
      labels: { x: { hint: 1 } },
    };
    const b = {
      project: { stats: { n: 2 }, statsTotal: 2 },
      members: [{ joinedAt: 2 }],
      labels: { x: { hint: 2 } },
    };
    expect(differingFields(a, b, ignores)).toEqual(['project.statsTotal']);
  });

  it('stop being listed at twenty', () => {
    const [a, b] = [0, 1].map((n) => Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`f${i}`, n])));
    expect(differingFields(a, b, NONE)).toHaveLength(20);
  });
});
