import { expect, it } from 'vitest';
import { verbOf } from './audit-text.js';

it.each([
  [{ kind: 'edge', from: 'shadow', to: 'prefer-replica@12.5' }, 'shadow → prefer-replica 12.5 %'],
  [{ kind: 'edge', from: 'call', to: 'cache' }, 'call → cache'],
  [{ kind: 'parked', to: 'retry' }, 'retry'],
  [{ kind: 'log' }, 'log'],
] as const)('tells %j in words: %s', (entry, words) => {
  expect(verbOf(entry)).toBe(words);
});
