import type { Finding } from './gate-verdict.js';
import type { ChangeEvidence, FallbackReason, QueryEdgeReport } from './report.js';

export interface ReplicaGateOptions {
  maxFallbacks: number;
  maxSlowdown: number;
  slowMs: number;
}

/** What would go wrong at the stage `replica`, where nobody stands in; what is missing there, comparisons tell. */
const WOULD_FAIL: readonly FallbackReason[] = ['stale', 'error', 'timeout', 'busy', 'token', 'epoch'];

/** Whether the replica carries the calls that it is given, as fast as the provider does. */
export function carriesCalls(measured: ChangeEvidence | undefined, options: ReplicaGateOptions): Finding[] {
  return measured === undefined
    ? []
    : [...fallbackFindings(measured, options), ...speedFindings(measured, options)];
}

function fallbackFindings(
  { calls, fallbacks }: ChangeEvidence,
  { maxFallbacks }: ReplicaGateOptions,
): Finding[] {
  const total = calls.ok + calls.failed;
  const reasons = WOULD_FAIL.filter((reason) => fallbacks[reason] > 0);
  const failed = reasons.reduce((sum, reason) => sum + fallbacks[reason], 0);
  if (failed === 0) return [];
  const seen = `the replica could not answer ${failed} of ${total} calls (${reasons.map((reason) => `${reason} ${fallbacks[reason]}`).join(', ')})`;
  if (failed <= total * maxFallbacks) return [['pass', seen]];
  return [['not-enough', `${seen}, more than ${maxFallbacks * 100} %`]];
}

/** At `shadow` callers wait for the provider only, so that both sides are measured apart. */
function speedFindings({ latencyMs, readMs, calls }: ChangeEvidence, options: ReplicaGateOptions): Finding[] {
  if (readMs === undefined || readMs.count === 0 || calls.byReplica > 0) return [];
  const limitMs = Math.max(options.slowMs, latencyMs.p99 * options.maxSlowdown);
  const seen = `99 % of the replica's reads take up to ${readMs.p99.toFixed(1)} ms, the provider's calls ${latencyMs.p99.toFixed(1)} ms`;
  if (readMs.p99 <= limitMs) return [['pass', seen]];
  return [['not-enough', `${seen}; up to ${limitMs.toFixed(1)} ms is accepted`]];
}

/** What the subscribers say that keep the replicas; of a replica without one nothing is known but its age. */
export function subscribersWell(reports: readonly QueryEdgeReport[]): Finding[] {
  return reports.flatMap(({ subscriber }): Finding[] => {
    if (subscriber === undefined) return [];
    const { state, because, parkedKeys } = subscriber;
    const findings: Finding[] = [];
    if (parkedKeys > 0)
      findings.push(['not-enough', `${parkedKeys} keys of a replica are parked: see banyan parked`]);
    if (state === 'down' || state === 'halted' || state === 'stopped') {
      const reason = because === undefined ? '' : `: ${because}`;
      findings.push(['not-enough', `the subscriber of a replica is ${state}${reason}`]);
    }
    return findings;
  });
}
