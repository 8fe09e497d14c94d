import { describe, expect, it } from 'vitest';
import { noComparisons, noFallbacks } from './evidence-sum.js';
import { stageGate, type GateQuestion } from './gate.js';
import type { GateVerdict } from './gate-verdict.js';
import type { BackfillStanding, ChangeEvidence, ComparisonCounts, QueryEdgeReport } from './report.js';
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

const counted = (counts: Partial<ComparisonCounts>): ComparisonCounts => ({ ...noComparisons(), ...counts });

/** What a process reports that runs change 2 and has measured so much. */
function measured(given: Partial<ChangeEvidence>): QueryEdgeReport {
  const [evidence] = reportOf({}).evidence;
  return reportOf({}, { evidence: [{ ...evidence!, ...given }] });
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

  it('asks each stratum that was compared for parity of its own', () => {
    const strata = { small: counted({ equal: 4_000 }), large: counted({ equal: 90 }) };
    const { outcome, reasons } = ask([measured({ comparisons: counted({ equal: 4_090 }), strata })]);
    expect(outcome).toBe('not-enough');
    expect(reasons).toEqual([
      expect.stringMatching(/^large: 0 of 90 comparisons disagree.* \d+ more have to agree$/),
    ]);
    const wrong = { ...strata, large: counted({ equal: 300, wrong: 40 }) };
    expect(
      ask([measured({ comparisons: counted({ equal: 9_000, wrong: 40 }), strata: wrong })]).outcome,
    ).toBe('fail');
    const [half, otherHalf] = [{ small: counted({ equal: 200 }) }, { small: counted({ equal: 200 }) }];
    const comparisons = counted({ equal: 200 });
    const both = [measured({ comparisons, strata: half }), measured({ comparisons, strata: otherHalf })];
    expect(ask(both).outcome).toBe('pass');
  });

  it('names a declared stratum that nobody has asked for yet', () => {
    const verdict = ask([reportOf({ equal: 5_000 }, { strata: ['archived'] })]);
    expect(verdict.outcome).toBe('not-enough');
    expect(verdict.reasons).toEqual([expect.stringMatching(/^archived: 0 of 0 comparisons/)]);
  });

  it('waits while the replica leaves calls to the provider that nobody would answer at the next stage', () => {
    const comparisons = counted({ equal: 500 });
    const calls = { ok: 1_000, failed: 0, byReplica: 900 };
    const few = measured({ comparisons, calls, fallbacks: { ...noFallbacks(), stale: 50 } });
    expect(ask([few]).outcome).toBe('pass');
    const many = measured({ comparisons, calls, fallbacks: { ...noFallbacks(), stale: 50, timeout: 1 } });
    expect(ask([many])).toEqual({
      outcome: 'not-enough',
      reasons: ['the replica could not answer 51 of 1000 calls (stale 50, timeout 1), more than 5 %'],
    });
    const missing = measured({ comparisons, calls, fallbacks: { ...noFallbacks(), missing: 900 } });
    expect(ask([missing]).outcome).toBe('pass');
  });

  it('waits while reads of the replica are slower than the provider', () => {
    const speed = (readP99: number, callP99: number): QueryEdgeReport =>
      measured({
        comparisons: counted({ equal: 500 }),
        latencyMs: { count: 500, p50: 1, p99: callP99, max: callP99 },
        readMs: { count: 500, p50: 1, p99: readP99, max: readP99 },
      });
    expect(ask([speed(99, 1)]).outcome).toBe('pass');
    expect(ask([speed(300, 151)]).outcome).toBe('pass');
    expect(ask([speed(304, 151)])).toEqual({
      outcome: 'not-enough',
      reasons: [
        "99 % of the replica's reads take up to 304.0 ms, the provider's calls 151.0 ms; up to 302.0 ms is accepted",
      ],
    });
  });

  it('waits while keys of a replica are parked or its subscriber is halted', () => {
    const well = { state: 'standby', parkedKeys: 0, lagPositions: 3 };
    expect(ask([reportOf({ equal: 500 }, { subscriber: well })]).outcome).toBe('pass');
    const subscriber = { state: 'halted', because: 'too many keys', parkedKeys: 7, lagPositions: 90 };
    expect(ask([reportOf({ equal: 500 }, { subscriber })])).toEqual({
      outcome: 'not-enough',
      reasons: [
        '7 keys of a replica are parked: see banyan parked list',
        'the subscriber of a replica is halted: too many keys',
      ],
    });
  });

  it('waits while a replica is behind, and says whether its relay or its subscriber is', () => {
    const subscriber = { state: 'running', parkedKeys: 0, lagPositions: 3, relayAgeMs: 900 };
    const asked = (given: object): GateVerdict =>
      ask([reportOf({ equal: 500 }, { subscriber: { ...subscriber, ...given } })]);
    expect(asked({}).outcome).toBe('pass');
    const behind = (reason: string): GateVerdict => ({ outcome: 'not-enough', reasons: [reason] });
    expect(asked({ lagPositions: 1_001 })).toEqual(
      behind('the subscriber of a replica is 1001 positions behind, over 1000'),
    );
    expect(asked({ relayAgeMs: 2_001 })).toEqual(
      behind('the relay of a replica’s source is 2001 ms behind or away: see banyan relay status'),
    );
    expect(asked({ relayAgeMs: null })).toEqual(
      behind('the relay of a replica’s source was never heard: see banyan relay status'),
    );
    const stopped = { partitions: 2, because: 'events 1.4 to 1.9 are missing' };
    expect(asked({ stopped })).toEqual(
      behind('2 partitions of a replica cannot go on: events 1.4 to 1.9 are missing'),
    );
  });

  it.each(['shadow', 'prefer-replica', 'replica'] as const)(
    'lets no edge into %s before its replica has what was there before its first event',
    (to) => {
      const asked = (backfill: Partial<BackfillStanding>): GateVerdict => {
        const standing = { of: 'projects/project', state: 'none' as const, isFromFirst: true, ...backfill };
        const subscriber = { state: 'running', parkedKeys: 0, lagPositions: 0, backfill: standing };
        return ask([reportOf({ equal: 500 }, { subscriber })], { to });
      };
      expect(asked({ state: 'done', isFromFirst: false, declared: 'required' }).outcome).toBe('pass');
      expect(asked({ isFromFirst: true }).outcome).toBe('pass');
      expect(asked({ isFromFirst: false, declared: 'not-needed' }).outcome).toBe('pass');
      const waits = (backfill: Partial<BackfillStanding>): string => {
        const { outcome, reasons } = asked(backfill);
        expect([outcome, reasons.length]).toEqual(['not-enough', 1]);
        return reasons[0] ?? '';
      };
      const remedy = 'banyan backfill start projects/project --wait';
      const never = 'a replica was never backfilled with projects/project, and';
      expect(waits({ isFromFirst: false })).toBe(
        `${never} has not read it from the first event on: ${remedy}`,
      );
      expect(waits({ declared: 'required' })).toBe(`${never} is declared to need it: ${remedy}`);
      for (const state of ['running', 'paused', 'failed', 'cancelled'] as const)
        expect(waits({ state })).toBe(
          `the last backfill of projects/project is ${state}, and has to be done: ${remedy}`,
        );
      expect(waits({ state: 'applying' })).toContain('has not applied all of the backfill');
    },
  );

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
    const [first] = reportOf({ equal: 50 }).evidence;
    const above = {
      ...first!,
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
