import {
  noReactions,
  type CallsWithoutId,
  type ReactionCallCounts,
  type ReactionCounts,
  type ReactionEdgeReport,
  type ReactionReceiverReport,
} from './reaction-report.js';
import type { ReactionStage } from './stage.js';

/** What callers and receivers counted while one change was in force. */
export interface ReactionEvidence {
  change: number;
  changeId: string;
  stage: ReactionStage;
  emitted: number;
  calls: ReactionCallCounts;
  counts: ReactionCounts;
}

/** What all processes counted, per change, oldest change first. */
export function sumReactions(reports: readonly ReactionEdgeReport[]): ReactionEvidence[] {
  const sums = new Map<string, ReactionEvidence>();
  for (const report of reports) {
    for (const each of report.evidence) {
      const { change, changeId, stage } = each;
      const key = `${change} ${changeId}`;
      const sum = sums.get(key) ?? { change, changeId, stage, ...nothing() };
      sums.set(key, sum);
      if ('counts' in each) add(sum.counts, each.counts);
      else {
        sum.emitted += each.emitted;
        add(sum.calls, each.calls);
      }
    }
  }
  return [...sums.values()].sort((a, b) => a.change - b.change);
}

function nothing(): Pick<ReactionEvidence, 'emitted' | 'calls' | 'counts'> {
  return { emitted: 0, calls: { ok: 0, failed: 0 }, counts: noReactions() };
}

function add<K extends string>(sum: Record<K, number>, more: Readonly<Record<K, number>>): void {
  for (const name in more) sum[name] += more[name];
}

/**
 * Reactions whose events have come. What a call did counts once its event has come too: that is what shows that events
 * arrive.
 */
export function arrivedOf({ byCall, byEvent, repeatedEvents }: ReactionCounts): number {
  return byEvent + Math.min(repeatedEvents, byCall);
}

export function receiversOf(reports: readonly ReactionEdgeReport[]): ReactionReceiverReport[] {
  return reports.filter((report) => report.side === 'receiver');
}

/** Calls without an id by caller, of all receivers, most recent first. */
export function sumWithoutId(reports: readonly ReactionEdgeReport[]): CallsWithoutId[] {
  const sums = new Map<string, CallsWithoutId>();
  for (const { caller, calls, lastAt } of receiversOf(reports).flatMap(({ withoutId }) => withoutId)) {
    const sum = sums.get(caller) ?? { caller, calls: 0, lastAt };
    sums.set(caller, {
      caller,
      calls: sum.calls + calls,
      lastAt: sum.lastAt > lastAt ? sum.lastAt : lastAt,
    });
  }
  return [...sums.values()].sort((a, b) => b.lastAt.localeCompare(a.lastAt));
}
