import type { MethodDefinition } from '@grpc/grpc-js';
import { ladderOf, type Ladder, type ReactionStage, type StageSource } from '@banyan/control';
import {
  resolveOptions,
  text,
  wholeNumber,
  type Logger,
  type OptionRule,
  type OptionRules,
} from '@banyan/runtime';
import type { ClientBase, Pool } from 'pg';
import { NO_REFUSALS, type Refusals } from './reaction-refusal.js';
import { reactionLoggerRule, stagesRule, supportsRule, triggersRule } from './reaction-options.js';
import type { Trigger } from './trigger.js';

/** What an effect may want to know besides its request. */
export interface EffectContext {
  /** What brought it. */
  readonly via: 'call' | 'event';
  /** Undefined for a call that says nothing of an event. */
  readonly eventId: string | undefined;
  /** The version of the aggregate that triggered it, after the event: to skip what is older than what was done. */
  readonly version: number | undefined;
}

/**
 * Does what a reaction is about, through `tx` only: its writes, the record of the reaction and, if an event brought it, the
 * subscriber's position commit together or not at all. Called once for each reaction, unless it fails.
 */
export type Effect<Request, Response> = (
  tx: ClientBase,
  request: Request,
  context: EffectContext,
) => Promise<Response>;

/** Options of a reaction, on the side that does the effect. */
export interface ReceiverOptions<Request, Response> {
  /** For example `projects -> tasks.ArchiveProjectTasks`. */
  edge: string;
  /** The method, from the service definition that ts-proto generates. */
  method: MethodDefinition<Request, Response>;
  /** The events that bring the reaction, and the request that each stands for: see `trigger`. */
  triggers: readonly Trigger<Request>[];
  effect: Effect<Request, Response>;
  /** The database of the effect; it has the role `subscriber`. */
  pool: Pool;
  /** The process's stage watch. */
  stages: StageSource;
  /** How the service's rules say no; with `@banyan/service-host`: `domainRefusals`. Default: they never do. */
  refusals?: Refusals;
  /** The stages that this process may run; default all that there are. */
  supports?: readonly ReactionStage[];
  /**
   * How old a call may be, by the time of its event, in ms; default 15 minutes. Records are kept for longer than that, so it
   * must cover the slowest retry of a caller and the difference of the two databases' clocks.
   */
  maxCallAgeMs?: number;
  /** Largest answer that is kept for calls that come second, in bytes; default 4096. */
  maxAnswerBytes?: number;
  /**
   * After the edge has gone back from `event`: up to when, in ms after the change, what was emitted must have been worked off
   * before calls are taken again; default 30,000. Covers how long processes take to hear of a change, and the clocks. 0: a
   * call may come before earlier events of its key.
   */
  drainMs?: number;
  /** How often old records are pruned, in ms; default 60,000. */
  pruneEveryMs?: number;
  logger?: Logger;
}

export type ResolvedReceiver<Request, Response> = Required<ReceiverOptions<Request, Response>> & {
  ladder: Ladder<ReactionStage>;
};

/** Checks the options once; see `ReceiverOptions`. */
export function resolveReceiverOptions<Request, Response>(
  given: ReceiverOptions<Request, Response>,
): ResolvedReceiver<Request, Response> {
  const options = resolveOptions('receiver', rules<Request, Response>(), given);
  return { ...options, ladder: ladderOf(options.supports, 'reaction') };
}

function rules<Request, Response>(): OptionRules<ReceiverOptions<Request, Response>> {
  return {
    edge: text(),
    method: object('a unary method of a generated service definition', 'responseSerialize'),
    triggers: triggersRule<Request>(),
    effect: {
      must: 'a function',
      check: (value): value is Effect<Request, Response> => typeof value === 'function',
    },
    pool: object('a pg pool', 'connect'),
    stages: stagesRule,
    refusals: { ...object<Refusals>('{ record, restore }', 'record'), fallback: NO_REFUSALS },
    supports: supportsRule,
    maxCallAgeMs: wholeNumber(1_000, 7 * 86_400_000, 15 * 60_000),
    maxAnswerBytes: wholeNumber(0, 1024 ** 2, 4_096),
    drainMs: wholeNumber(0, 3_600_000, 30_000),
    pruneEveryMs: wholeNumber(10, 86_400_000, 60_000),
    logger: reactionLoggerRule,
  };
}

function object<T extends object>(must: string, name: string): OptionRule<T> {
  return { must, check: (value): value is T => typeof value === 'object' && value !== null && name in value };
}
