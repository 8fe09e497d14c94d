import { resolveOptions, wholeNumber, type OptionRule, type OptionRules } from '@banyan/runtime';
import { carriesCalls, subscribersWell } from './replica-findings.js';
import { evidenceOf, noComparisons, sumEvidence } from './evidence-sum.js';
import { verdictOf, type Finding, type GateVerdict } from './gate-verdict.js';
import { parityFindings } from './parity/parity-findings.js';
import { strataFindings } from './parity/strata-findings.js';
import type { Ramp } from './ramp.js';
import { reactionFindings } from './reaction-gate.js';
import type { EdgeReport, QueryEdgeReport } from './report.js';
import type { Stage } from './stage.js';

export interface GateQuestion {
  from: Stage;
  to: Stage;
  /** The ramp in force, if the question is whether more keys may go to `to`. */
  ramp?: Ramp | null;
  /** The id of the change in force: only what was measured since then counts. Empty before the first change. */
  changeId: string;
  /** What each process that has the edge says of it. */
  reports: readonly EdgeReport[];
  /** When it is asked, ms since 1970; default now. */
  nowMs?: number;
}

export interface GateOptions {
  /**
   * Query edges: the share of the comparisons since the last change that may disagree, above 0 and below 1; default 0.01.
   * Some `3.2 / maxDisagreement` comparisons without a disagreement pass at the default confidence; each that disagrees
   * costs more of them.
   */
  maxDisagreement?: number;
  /** Query edges: how sure to be that no more do, above 0.5 and below 1; default 0.95. */
  confidence?: number;
  /** Query edges: the share of the calls since the last change that the replica may not answer; default 0.05. */
  maxFallbacks?: number;
  /** Query edges: how many times as long as the provider's p99 that of the replica's reads may be; default 2. */
  maxSlowdown?: number;
  /** Query edges: reads whose p99 is within this, in ms, are never too slow; default 100. */
  slowMs?: number;
  /** Reaction edges: how many effects must have been done at `dual` since the last change; default 50. */
  minReactions?: number;
  /** Reaction edges: for how long no call without an event id may have come, in ms, before `dual`; default 60,000. */
  quietMs?: number;
  /** Reaction edges: how far behind a receiver's subscriber may be, in ms, before `event`; default 5000. */
  maxLagMs?: number;
}

const RULES: OptionRules<GateOptions> = {
  maxDisagreement: between(0, 1, 0.01),
  confidence: between(0.5, 1, 0.95),
  maxFallbacks: between(0, 1, 0.05),
  maxSlowdown: between(0, 1_000, 2),
  slowMs: wholeNumber(0, 600_000, 100),
  minReactions: wholeNumber(0, 1_000_000, 50),
  quietMs: wholeNumber(0, 7 * 86_400_000, 60_000),
  maxLagMs: wholeNumber(1, 86_400_000, 5_000),
};

/** Whether an edge may advance a stage. Pure: the same reports at the same time give the same verdict. */
export function stageGate(question: GateQuestion, options: GateOptions = {}): GateVerdict {
  const resolved = resolveOptions('gate', RULES, options);
  const { to, changeId, reports, nowMs = Date.now() } = question;
  const findings = processesRun(question);
  const queries = reports.filter((report) => report.kind === 'query');
  const reactions = reports.filter((report) => report.kind === 'reaction');
  if (reactions.length > 0) {
    findings.push(...reactionFindings({ to, changeId, reports: reactions, nowMs }, resolved));
  }
  if (to === 'prefer-replica' || to === 'replica') {
    findings.push(...replicaFindings(queries, changeId, resolved));
  }
  if (to === 'retired') findings.push(...replicasFresh(queries));
  if (question.ramp && question.ramp.share > 0) findings.push(...rampedCalls(question));
  return verdictOf(findings);
}

function processesRun({ reports, changeId }: GateQuestion): Finding[] {
  if (reports.length === 0) return [['not-enough', 'no process reports this edge']];
  const others = reports.filter(({ running }) => running.changeId !== changeId).length;
  const tripped = reports.find(({ trip }) => trip !== undefined)?.trip;
  if (tripped !== undefined) return [['fail', `the guard of a process has tripped: ${tripped.cause}`]];
  if (others > 0)
    return [['not-enough', `${others} of ${reports.length} processes do not run the last change yet`]];
  return [['pass', `all ${reports.length} processes run the last change`]];
}

/** What is asked before callers get answers of the replica. */
function replicaFindings(
  reports: readonly QueryEdgeReport[],
  changeId: string,
  options: Required<GateOptions>,
): Finding[] {
  const measured = evidenceOf(reports, changeId);
  return [
    ...parityFindings(measured?.comparisons ?? noComparisons(), options),
    ...strataFindings(reports, measured, options),
    ...carriesCalls(measured, options),
    ...replicasFresh(reports),
    ...subscribersWell(reports),
  ];
}

/** A larger share needs the smaller one to have carried something. */
function rampedCalls({ reports, changeId, to }: GateQuestion): Finding[] {
  const queries = reports.filter((report) => report.kind === 'query');
  const ramped = sumEvidence(queries).find((each) => each.changeId === changeId && each.stage === to);
  const calls = ramped === undefined ? 0 : ramped.calls.ok + ramped.calls.failed;
  if (calls === 0) return [['not-enough', `no call of the share has run at ${to} yet`]];
  return [['pass', `${calls} calls of the share ran at ${to}`]];
}

function replicasFresh(reports: readonly QueryEdgeReport[]): Finding[] {
  return reports.map(({ freshness: { fresh, stalenessMs, budgetMs } }): Finding => {
    if (fresh) return ['pass', `a replica is ${stalenessMs ?? 0} ms old, budget ${budgetMs} ms`];
    if (stalenessMs === null) return ['not-enough', 'a replica has never started'];
    return ['not-enough', `a replica is ${stalenessMs} ms old, over its budget of ${budgetMs} ms`];
  });
}

function between(above: number, below: number, fallback: number): OptionRule<number> {
  return {
    fallback,
    must: `a number above ${above} and below ${below}`,
    check: (value): value is number => typeof value === 'number' && value > above && value < below,
  };
}
