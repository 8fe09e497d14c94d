import { describe, expect, it } from 'vitest';
import { noCacheCounts, noComparisons, noFallbacks } from '../evidence-sum.js';
import type { ChangeEvidence, QueryEdgeReport } from '../report.js';
import { parityRows } from './parity-rows.js';

const NOTHING = { count: 0, p50: 0, p99: 0, max: 0 };

function report(evidence: Partial<ChangeEvidence>, strata?: string[]): QueryEdgeReport {
  const measured: ChangeEvidence = {
    ...{ change: 1, changeId: 'a', stage: 'shadow', calls: { ok: 0, failed: 0, byReplica: 0 } },
    ...{ latencyMs: NOTHING, comparisons: noComparisons(), lateMs: NOTHING },
    ...{ fallbacks: noFallbacks(), cache: noCacheCounts(), counterexamples: [] },
    ...evidence,
  };
  return {
    ...{ edge: 'a -> b.C', kind: 'query', stages: ['call', 'shadow'], evidence: [measured] },
    running: { stage: 'shadow', change: 1, changeId: 'a', since: '', origin: 'store', persisted: true },
    freshness: { asOfMs: null, stalenessMs: null, budgetMs: 1, fresh: false },
    ...(strata === undefined ? {} : { strata }),
  };
}

describe('the parity of an edge in rows', () => {
  it('counts late answers as agreeing, and says how many more have to agree', () => {
    const comparisons = { ...noComparisons(), equal: 90, late: 10, unjudged: 3, shed: 2 };
    const [all] = parityRows([report({ comparisons })], 'a');
    expect(all).toMatchObject({ stratum: null, agreed: 100, disagreed: 0, unjudged: 3, shed: 2 });
    expect(all).toMatchObject({ outcome: 'not-enough', maxDisagreement: 0.01, confidence: 0.95 });
    const enough = { ...comparisons, equal: 90 + all!.needed };
    expect(parityRows([report({ comparisons: enough })], 'a')[0]).toMatchObject({
      outcome: 'pass',
      needed: 0,
    });
  });

  it('has a row for each stratum, those that were declared and never seen too', () => {
    const strata = { small: { ...noComparisons(), equal: 5 } };
    const rows = parityRows([report({ strata }, ['large'])], 'a');
    expect(rows.map(({ stratum, agreed }) => [stratum, agreed])).toEqual([
      [null, 0],
      ['small', 5],
      ['large', 0],
    ]);
  });

  it('counts nothing of an earlier change', () => {
    const comparisons = { ...noComparisons(), equal: 90 };
    expect(parityRows([report({ comparisons })], 'b')[0]).toMatchObject({ agreed: 0, upperBound: 1 });
  });
});
