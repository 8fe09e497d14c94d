import { expect, it } from 'vitest';
import { evidence, noComparisons, queryEdge } from '../testing/query-edge.js';
import { comparisonsOf, fallbacksOf, probesOf, strataOf } from './edge-figures.js';

const NO_FALLBACKS = evidence().fallbacks;

it('counts what was compared under the last change alone, both stages of a ramp together', () => {
  const before = evidence({ changeId: 'a', comparisons: { ...noComparisons(), wrong: 9 } });
  const at = evidence({ changeId: 'b', stage: 'shadow', comparisons: { ...noComparisons(), equal: 3 } });
  const share = evidence({
    ...at,
    stage: 'prefer-replica',
    comparisons: { ...noComparisons(), equal: 4, late: 1 },
  });
  const edge = queryEdge({ changeId: 'b', evidence: [before, at, share] });
  expect(comparisonsOf(edge)).toEqual({ ...noComparisons(), equal: 7, late: 1 });
});

it('tells how much of that only probes asked for', () => {
  const byProbe = { ...noComparisons(), equal: 2, late: 1 };
  expect(probesOf(queryEdge({ evidence: [evidence({ byProbe }), evidence({ stage: 'shadow' })] }))).toBe(3);
});

it('adds up each stratum by itself', () => {
  const strata = { plain: { ...noComparisons(), equal: 2 }, members: { ...noComparisons(), wrong: 1 } };
  const edge = queryEdge({ evidence: [evidence({ strata }), evidence({ stage: 'shadow', strata })] });
  expect(strataOf(edge)).toEqual([
    ['members', { ...noComparisons(), wrong: 2 }],
    ['plain', { ...noComparisons(), equal: 4 }],
  ]);
});

it('tells why the replica did not answer, the most frequent reason first', () => {
  const fallbacks = { ...NO_FALLBACKS, token: 2, stale: 5 };
  const edge = queryEdge({ evidence: [evidence({ fallbacks })] });
  expect(fallbacksOf(edge).map(({ reason, calls }) => [reason, calls])).toEqual([
    ['stale', 5],
    ['token', 2],
  ]);
  expect(fallbacksOf(queryEdge())).toEqual([]);
});
