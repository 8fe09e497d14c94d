import type { Metadata } from '@grpc/grpc-js';
import {
  ladderOf,
  REACTION_LADDER,
  type Ladder,
  type ReactionStage,
  type StageSource,
} from '@banyan/control';
import {
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRule,
  type OptionRules,
} from '@banyan/runtime';
import type { Trigger } from './trigger.js';

/** What the call of a reaction has to go with. */
export interface ReactionOrigin {
  /** When the answer must be there: ms since 1970. */
  readonly deadlineMs: number;
  /** Says which event the call stands for. A call without it is refused from `dual` on. */
  readonly metadata: Metadata;
}

/** Options of a reaction, on the side of its caller. */
export interface ReactionOptions<Request> {
  /** For example `projects -> tasks.ArchiveProjectTasks`. */
  edge: string;
  /** The events that trigger it: see `trigger`. */
  triggers: readonly Trigger<Request>[];
  /** Makes the call: with the origin's metadata, and no longer than its deadline. */
  call: (request: Request, origin: ReactionOrigin) => Promise<unknown>;
  /** The process's stage watch. */
  stages: StageSource;
  /** The stages that this process may run; default all that there are. */
  supports?: readonly ReactionStage[];
  /** How long the call may take, in ms; default 5000. Whoever caused the reaction waits for it. */
  timeoutMs?: number;
  logger?: Logger;
}

export type ResolvedReaction<Request> = Required<ReactionOptions<Request>> & {
  ladder: Ladder<ReactionStage>;
};

/** Checks the options once; see `ReactionOptions`. */
export function resolveReactionOptions<Request>(given: ReactionOptions<Request>): ResolvedReaction<Request> {
  const options = resolveOptions('reaction', rules<Request>(), given);
  return { ...options, ladder: ladderOf(options.supports, 'reaction') };
}

function rules<Request>(): OptionRules<ReactionOptions<Request>> {
  return {
    edge: text(),
    triggers: triggersRule<Request>(),
    call: {
      must: 'a function',
      check: (value): value is ReactionOptions<Request>['call'] => typeof value === 'function',
    },
    stages: stagesRule,
    supports: supportsRule,
    timeoutMs: wholeNumber(1, 600_000, 5_000),
    logger: reactionLoggerRule,
  };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

export function triggersRule<Request>(): OptionRule<readonly Trigger<Request>[]> {
  return {
    must: 'a list of at least one trigger',
    check: (value): value is readonly Trigger<Request>[] => Array.isArray(value) && value.length > 0,
  };
}

export const stagesRule: OptionRule<StageSource> = {
  must: 'a stage watch',
  check: (value): value is StageSource => isObject(value) && 'edge' in value,
};

export const supportsRule: OptionRule<readonly ReactionStage[]> = {
  fallback: REACTION_LADDER,
  must: 'a list of stages of a reaction',
  check: (value): value is readonly ReactionStage[] => {
    const known: readonly unknown[] = REACTION_LADDER;
    return Array.isArray(value) && value.length > 0 && value.every((stage) => known.includes(stage));
  },
};

export const reactionLoggerRule: OptionRule<Logger> = {
  fallback: silentLogger,
  must: 'a logger',
  check: (value): value is Logger => isObject(value) && 'warn' in value,
};
