import type { Finding } from './gate-verdict.js';
import type {
  BackfillStanding,
  ChangeEvidence,
  FallbackReason,
  QueryEdgeReport,
  ReplicaSubscriberReport,
} from './report.js';

export interface ReplicaGateOptions {
  maxFallbacks: number;
  maxSlowdown: number;
  slowMs: number;
  maxLagPositions: number;
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
export function subscribersWell(reports: readonly QueryEdgeReport[], options: ReplicaGateOptions): Finding[] {
  return reports.flatMap(({ subscriber, freshness }): Finding[] => {
    if (subscriber === undefined) return [];
    return [
      ...workFindings(subscriber, 'a replica'),
      ...lagFindings(subscriber, { maxLagPositions: options.maxLagPositions, maxAgeMs: freshness.budgetMs }),
    ];
  });
}

/** What keeps a subscriber from working, whoever needs it. */
export function workFindings(
  {
    state,
    because,
    parkedKeys,
    stopped,
  }: Pick<ReplicaSubscriberReport, 'parkedKeys' | 'because' | 'stopped'> & {
    state?: string;
  },
  whose: string,
): Finding[] {
  const findings: Finding[] = [];
  if (parkedKeys > 0) {
    const keys = parkedKeys === 1 ? `one key of ${whose} is` : `${parkedKeys} keys of ${whose} are`;
    findings.push(['not-enough', `${keys} parked: see banyan parked list`]);
  }
  if (stopped !== undefined)
    findings.push([
      'not-enough',
      `${stopped.partitions} partitions of ${whose} cannot go on: ${stopped.because}`,
    ]);
  if (state === 'down' || state === 'halted' || state === 'stopped') {
    const reason = because === undefined ? '' : `: ${because}`;
    findings.push(['not-enough', `the subscriber of ${whose} is ${state}${reason}`]);
  }
  return findings;
}

/** How far a replica is behind, and who is: the relay that fills the stream, or the subscriber that reads it. */
function lagFindings(
  { lagPositions, relayAgeMs }: ReplicaSubscriberReport,
  { maxLagPositions, maxAgeMs }: { maxLagPositions: number; maxAgeMs: number },
): Finding[] {
  const findings: Finding[] = [];
  if (relayAgeMs === null)
    findings.push(['not-enough', 'the relay of a replica’s source was never heard: see banyan relay status']);
  if (typeof relayAgeMs === 'number' && relayAgeMs > maxAgeMs)
    findings.push([
      'not-enough',
      `the relay of a replica’s source is ${relayAgeMs} ms behind or away: see banyan relay status`,
    ]);
  if (lagPositions !== null && lagPositions > maxLagPositions)
    findings.push([
      'not-enough',
      `the subscriber of a replica is ${lagPositions} positions behind, over ${maxLagPositions}`,
    ]);
  return findings;
}

/** Whether the replicas have what was there before their first events. Where nothing keeps one, nothing is known of it. */
export function backfillFindings(reports: readonly QueryEdgeReport[]): Finding[] {
  return reports.flatMap(({ subscriber }) =>
    subscriber?.backfill === undefined ? [] : [backfillFinding(subscriber.backfill)],
  );
}

function backfillFinding(standing: BackfillStanding): Finding {
  const { of, state, declared } = standing;
  const remedy = `banyan backfill start ${of} --wait`;
  if (declared === 'not-needed') return ['pass', `a replica is declared to need no backfill of ${of}`];
  switch (state) {
    case 'done':
      return ['pass', `the backfill of ${of} is done and applied`];
    case 'applying':
      return ['not-enough', `a replica has not applied all of the backfill of ${of} yet: ${remedy}`];
    case 'running':
    case 'paused':
    case 'failed':
    case 'cancelled':
      return ['not-enough', `the last backfill of ${of} is ${state}, and has to be done: ${remedy}`];
    case 'none':
    case 'unknown':
      return neverBackfilled(standing, remedy);
  }
}

function neverBackfilled(
  { of, declared, isFromFirst }: Omit<BackfillStanding, 'state'>,
  remedy: string,
): Finding {
  const never = `a replica was never backfilled with ${of}`;
  if (declared === 'required') return ['not-enough', `${never}, and is declared to need it: ${remedy}`];
  if (isFromFirst) return ['pass', `${never}, but has read it from the first event on`];
  return ['not-enough', `${never}, and has not read it from the first event on: ${remedy}`];
}
