import { backfillFindings, carriesCalls, subscribersWell } from './replica-findings.js';
import { evidenceOf, noComparisons, sumEvidence } from './evidence-sum.js';
import { resolveGateOptions, type GateOptions } from './gate-options.js';
import { verdictOf, type Finding, type GateVerdict } from './gate-verdict.js';
import type { QuietProof } from './ledger/quiet-proof.js';
import { parityFindings } from './parity/parity-findings.js';
import { strataFindings } from './parity/strata-findings.js';
import type { Ramp } from './ramp.js';
import { quietFindings } from './quiet-findings.js';
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
  /** The last proof that nobody calls; undefined: there is none. */
  quiet?: QuietProof | undefined;
  /** When it is asked, ms since 1970; default now. */
  nowMs?: number;
}

/** Whether an edge may advance a stage. Pure: the same reports at the same time give the same verdict. */
export function stageGate(question: GateQuestion, options: GateOptions = {}): GateVerdict {
  const resolved = resolveGateOptions(options);
  const { to, changeId, reports, nowMs = Date.now() } = question;
  const findings = processesRun(question);
  const queries = reports.filter((report) => report.kind === 'query');
  const reactions = reports.filter((report) => report.kind === 'reaction');
  if (reactions.length > 0) {
    findings.push(...reactionFindings({ to, changeId, reports: reactions, nowMs }, resolved));
  }
  if (to === 'shadow' || to === 'prefer-replica' || to === 'replica') {
    findings.push(...backfillFindings(queries));
  }
  if (to === 'prefer-replica' || to === 'replica') {
    findings.push(...replicaFindings(queries, changeId, resolved));
  }
  if (to === 'retired') {
    const times = { forMs: resolved.retireQuietMs, nowMs };
    findings.push(...replicasFresh(queries), ...quietFindings(question.quiet, times));
  }
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
  return [
    [
      'pass',
      reports.length === 1
        ? 'its one process runs the last change'
        : `all ${reports.length} processes run the last change`,
    ],
  ];
}

/** What is asked before callers get answers of the replica. */
function replicaFindings(
  reports: readonly QueryEdgeReport[],
  changeId: string,
  options: Required<GateOptions>,
): Finding[] {
  const measured = evidenceOf(reports, changeId);
  return [
    ...parityFindings(measured?.comparisons ?? noComparisons(), options, measured?.byProbe),
    ...strataFindings(reports, measured, options),
    ...carriesCalls(measured, options),
    ...replicasFresh(reports),
    ...subscribersWell(reports, options),
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
