import { describe, expect, it } from 'vitest';
import { noComparisons, noFallbacks } from './evidence-sum.js';
import { stageGate, type GateQuestion } from './gate.js';
import type { GateVerdict } from './gate-verdict.js';
import type { ComparisonCounts, QueryEdgeReport } from './report.js';
import { QUERY_LADDER } from './stage.js';

const NO_TIMES = { count: 0, p50: 0, p99: 0, max: 0 };

/** What a process reports that runs change 2 and has measured the given comparisons. */
function reportOf(counts: Partial<ComparisonCounts>, given: Partial<QueryEdgeReport> = {}): QueryEdgeReport {
  return {
    edge: 'tasks -> projects.GetProject',
    kind: 'query',
    stages: QUERY_LADDER,
    running: { stage: 'shadow', change: 2, changeId: 'two', since: '', origin: 'store', persisted: true },
    freshness: { asOfMs: 1, stalenessMs: 300, budgetMs: 2_000, fresh: true },
    evidence: [
      {
        change: 2,
        changeId: 'two',
        stage: 'shadow',
        calls: { ok: 0, failed: 0, byReplica: 0 },
        latencyMs: NO_TIMES,
        lateMs: NO_TIMES,
        comparisons: { ...noComparisons(), ...counts },
        fallbacks: noFallbacks(),
        counterexamples: [],
      },
    ],
    ...given,
  };
}

function ask(reports: QueryEdgeReport[], given: Partial<GateQuestion> = {}): GateVerdict {
  return stageGate({ from: 'shadow', to: 'prefer-replica', changeId: 'two', reports, ...given });
}

describe('the gate', () => {
  it('passes on enough comparisons that agree in time, of all processes together', () => {
    const verdict = ask([reportOf({ equal: 250 }), reportOf({ equal: 90, late: 10 })]);
    expect(verdict.outcome).toBe('pass');
    expect(verdict.reasons).toContainEqual(
      expect.stringMatching(/^0 of 350 comparisons disagree; at most 1 % may/),
    );
  });

  it('says how many more have to agree, and passes with so many', () => {
    const { outcome, reasons } = ask([reportOf({ equal: 120, unjudged: 7 })]);
    expect(outcome).toBe('not-enough');
    const needed = Number(/(\d+) more have to agree$/.exec(reasons.join())?.[1]);
    expect(ask([reportOf({ equal: 120 + needed - 1 })]).outcome).toBe('not-enough');
    expect(ask([reportOf({ equal: 120 + needed })]).outcome).toBe('pass');
  });

  it.each(['wrong', 'missing', 'extra', 'oneSided'] as const)(
    'counts each %s answer against parity: one of many is forgiven, too many fail',
    (outcome) => {
      expect(ask([reportOf({ equal: 350, [outcome]: 1 })]).outcome).toBe('not-enough');
      expect(ask([reportOf({ equal: 5_000, [outcome]: 1 })]).outcome).toBe('pass');
      const failed = ask([reportOf({ equal: 500, [outcome]: 40 })]);
      expect(failed.outcome).toBe('fail');
      expect(failed.reasons.join()).toMatch(/40 of 540 comparisons disagree \(40 [a-z-]+\)/);
    },
  );

  it('asks for more comparisons where fewer may disagree, or it has to be surer', () => {
    const reports = [reportOf({ equal: 400 })];
    const question = { from: 'shadow', to: 'prefer-replica', changeId: 'two', reports } as const;
    expect(stageGate(question).outcome).toBe('pass');
    expect(stageGate(question, { maxDisagreement: 0.001 }).outcome).toBe('not-enough');
    expect(stageGate(question, { confidence: 0.999 }).outcome).toBe('not-enough');
    expect(() => stageGate(question, { confidence: 0.4 })).toThrow('BANYAN_OPTION_INVALID');
  });

  it.each(['unjudged', 'shed'] as const)('does not pass when most comparisons were %s', (outcome) => {
    expect(ask([reportOf({ equal: 500, [outcome]: 500 })]).outcome).toBe('pass');
    expect(ask([reportOf({ equal: 500, [outcome]: 501 })]).outcome).toBe('not-enough');
  });

  it('does not count what was measured under an earlier change', () => {
    const verdict = ask([reportOf({ equal: 5_000 })], { changeId: 'three' });
    expect(verdict.outcome).toBe('not-enough');
    expect(verdict.reasons.join()).toContain('0 of 0 comparisons disagree');
  });

  it('waits until every process runs the last change', () => {
    const behind = reportOf({ equal: 500 });
    behind.running = { ...behind.running, changeId: 'one', change: 1 };
    expect(ask([reportOf({ equal: 500 }), behind]).reasons).toEqual([
      '1 of 2 processes do not run the last change yet',
    ]);
  });

  it('waits for fresh replicas', () => {
    const freshness = { asOfMs: 1, stalenessMs: 9_000, budgetMs: 2_000, fresh: false };
    expect(ask([reportOf({ equal: 500 }, { freshness })])).toEqual({
      outcome: 'not-enough',
      reasons: ['a replica is 9000 ms old, over its budget of 2000 ms'],
    });
  });

  it('lets an edge into shadow without evidence, for that is where evidence is gathered', () => {
    expect(ask([reportOf({})], { from: 'call', to: 'shadow' }).outcome).toBe('pass');
  });

  it('asks a share for calls of its own before more keys follow, and counts what both stages compared', () => {
    const question: Partial<GateQuestion> = { ramp: { from: 'shadow', share: 10 } };
    const below = reportOf({ equal: 300 });
    expect(ask([reportOf({ equal: 350 })], question)).toEqual({
      outcome: 'not-enough',
      reasons: ['no call of the share has run at prefer-replica yet'],
    });
    const [measured] = reportOf({ equal: 50 }).evidence;
    const above = {
      ...measured!,
      stage: 'prefer-replica' as const,
      calls: { ok: 9, failed: 0, byReplica: 9 },
    };
    const both = { ...below, evidence: [...below.evidence, above] };
    expect(ask([both], question).outcome).toBe('pass');
    const wrong = { ...above, comparisons: { ...above.comparisons, wrong: 50 } };
    expect(ask([{ ...below, evidence: [...below.evidence, wrong] }], question).outcome).toBe('fail');
  });

  it('knows nothing without processes', () => {
    expect(ask([], { from: 'call', to: 'shadow' })).toEqual({
      outcome: 'not-enough',
      reasons: ['no process reports this edge'],
    });
  });
});
