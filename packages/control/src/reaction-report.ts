import type { StageReport } from './report.js';
import type { ReactionStage } from './stage.js';

/** What one process says of a reaction edge: the one that triggers it, or the one in which the effect is done. */
export type ReactionEdgeReport = ReactionCallerReport | ReactionReceiverReport;

export interface ReactionCallerReport extends StageReport<'reaction'> {
  side: 'caller';
  /** Per change, oldest first; the last few changes only, since the process started. */
  evidence: ReactionCallerEvidence[];
}

export interface ReactionReceiverReport extends StageReport<'reaction'> {
  side: 'receiver';
  /** How the process reads the edge's events; null: it does not, or its subscriber is not running. */
  reading: ReactionReading | null;
  /** Calls that brought no event id, by who made them, the latest few callers. */
  withoutId: CallsWithoutId[];
  /** By the change that this process ran when it happened. */
  evidence: ReactionReceiverEvidence[];
}

export interface ReactionReading {
  /** Everything committed at the source before this (ms since 1970) has been worked off; null: it never started. */
  asOfMs: number | null;
  /** How old that is by this process's clock, in ms. */
  stalenessMs: number | null;
  /** Keys whose reactions wait, because one of them fails. */
  parkedKeys: number;
  /** Of the subscriber; see `SubscriberState` of `@banyan/subscriber`. */
  state?: string;
  /** Why it is down or halted. */
  because?: string;
  /** Partitions that cannot go on, and why the first cannot; absent: none. */
  stopped?: { partitions: number; because: string };
}

export interface CallsWithoutId {
  caller: string;
  calls: number;
  /** ISO 8601. */
  lastAt: string;
}

interface UnderChange {
  change: number;
  changeId: string;
  stage: ReactionStage;
}

export interface ReactionCallerEvidence extends UnderChange {
  /** Events that triggered the edge in transactions that committed. */
  emitted: number;
  calls: ReactionCallCounts;
}

export interface ReactionCallCounts {
  ok: number;
  /** Calls that did not end well. At `call` their effect may be lost; at `dual` the event brings it. */
  failed: number;
}

export interface ReactionReceiverEvidence extends UnderChange {
  counts: ReactionCounts;
}

/** What became of the reactions that reached a receiver. */
export interface ReactionCounts {
  /** Effects done by a call, and by an event: each reaction counts in one of the two at most. */
  byCall: number;
  byEvent: number;
  /** How many of both were refused by the business's rules: that is their effect. */
  refused: number;
  /** Calls and events that came second, and were answered with what had been recorded. */
  repeatedCalls: number;
  repeatedEvents: number;
  /** Events that leave the effect to the call: their stamp says `call`. */
  leftToCall: number;
  /** Events without a stamp for the edge: written before the caller used the library, or by another path. */
  unstamped: number;
  /** Calls refused because they brought no event id, because they were too old, or so as not to overtake events. */
  refusedWithoutId: number;
  refusedTooOld: number;
  refusedTooEarly: number;
}

export function noReactions(): ReactionCounts {
  return {
    byCall: 0,
    byEvent: 0,
    refused: 0,
    repeatedCalls: 0,
    repeatedEvents: 0,
    leftToCall: 0,
    unstamped: 0,
    refusedWithoutId: 0,
    refusedTooOld: 0,
    refusedTooEarly: 0,
  };
}
