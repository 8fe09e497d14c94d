import { resolveOptions, wholeNumber, type OptionRules } from '@banyan/runtime';
import { evidenceOf, noComparisons, sumEvidence } from './evidence-sum.js';
import type { Ramp } from './ramp.js';
import type { ComparisonCounts, EdgeReport } from './report.js';
import type { QueryStage } from './stage.js';

/** Pass, fail, or not enough known yet; the reasons say why, each for itself. */
export interface GateVerdict {
  outcome: 'pass' | 'fail' | 'not-enough';
  reasons: string[];
}

export interface GateQuestion {
  from: QueryStage;
  to: QueryStage;
  /** The ramp in force, if the question is whether more keys may go to `to`. */
  ramp?: Ramp | null;
  /** The id of the change in force: only what was measured since then counts. Empty before the first change. */
  changeId: string;
  /** What each process that has the edge says of it. */
  reports: readonly EdgeReport[];
}

export interface GateOptions {
  /** How many comparisons must have been made since the last change; default 200. */
  minComparisons?: number;
}

const RULES: OptionRules<GateOptions> = { minComparisons: wholeNumber(1, 1_000_000, 200) };

/** Whether an edge may advance a stage. Pure: the same reports give the same verdict. */
export function stageGate(question: GateQuestion, options: GateOptions = {}): GateVerdict {
  const { minComparisons } = resolveOptions('gate', RULES, options);
  const findings = processesRun(question);
  if (question.to === 'prefer-replica' || question.to === 'replica') {
    findings.push(...parity(question, minComparisons), ...replicasFresh(question));
  }
  if (question.ramp && question.ramp.share > 0) findings.push(...rampedCalls(question));
  return verdictOf(findings);
}

type Finding = [outcome: GateVerdict['outcome'], reason: string];

/** The worst finding decides; the reasons given are those of that outcome. */
function verdictOf(findings: readonly Finding[]): GateVerdict {
  for (const outcome of ['fail', 'not-enough', 'pass'] as const) {
    const reasons = findings.filter(([found]) => found === outcome).map(([, reason]) => reason);
    if (reasons.length > 0) return { outcome, reasons };
  }
  return { outcome: 'not-enough', reasons: ['nothing is known of the edge'] };
}

function processesRun({ reports, changeId }: GateQuestion): Finding[] {
  if (reports.length === 0) return [['not-enough', 'no process reports this edge']];
  const others = reports.filter(({ running }) => running.changeId !== changeId).length;
  if (others > 0)
    return [['not-enough', `${others} of ${reports.length} processes do not run the last change yet`]];
  return [['pass', `all ${reports.length} processes run the last change`]];
}

function parity({ reports, changeId }: GateQuestion, minimum: number): Finding[] {
  const counts = evidenceOf(reports, changeId)?.comparisons ?? noComparisons();
  const findings: Finding[] = disagreements(counts).map((reason) => ['fail', reason]);
  const agreed = counts.equal + counts.late;
  const unjudged = counts.unjudged > 0 ? ` (${counts.unjudged} could not be judged)` : '';
  if (agreed >= minimum) findings.push(['pass', `${agreed} comparisons agree${unjudged}`]);
  else
    findings.push([
      'not-enough',
      `${agreed} of ${minimum} comparisons made, ${minimum - agreed} missing${unjudged}`,
    ]);
  return findings;
}

/** A larger share needs the smaller one to have carried something. */
function rampedCalls({ reports, changeId, to }: GateQuestion): Finding[] {
  const ramped = sumEvidence(reports).find((each) => each.changeId === changeId && each.stage === to);
  const calls = ramped === undefined ? 0 : ramped.calls.ok + ramped.calls.failed;
  if (calls === 0) return [['not-enough', `no call of the share has run at ${to} yet`]];
  return [['pass', `${calls} calls of the share ran at ${to}`]];
}

function disagreements({ wrong, missing, extra, oneSided }: ComparisonCounts): string[] {
  const reasons: string[] = [];
  if (wrong > 0) reasons.push(`${wrong} answers of the replica were wrong`);
  if (missing > 0) reasons.push(`${missing} answers were missing in the replica`);
  if (extra > 0) reasons.push(`${extra} answers were in the replica only`);
  if (oneSided > 0) reasons.push(`${oneSided} times only one side gave an answer`);
  return reasons;
}

function replicasFresh({ reports }: GateQuestion): Finding[] {
  return reports.map(({ freshness: { fresh, stalenessMs, budgetMs } }): Finding => {
    if (fresh) return ['pass', `a replica is ${stalenessMs ?? 0} ms old, budget ${budgetMs} ms`];
    if (stalenessMs === null) return ['not-enough', 'a replica has never started'];
    return ['not-enough', `a replica is ${stalenessMs} ms old, over its budget of ${budgetMs} ms`];
  });
}
