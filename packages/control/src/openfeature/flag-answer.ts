import { ErrorCode, type EvaluationContext, type FlagMetadata } from '@openfeature/server-sdk';
import { stageFor, type EdgeStage } from '../edge-stage.js';
import { parseEdge } from '../edge-name.js';
import type { FlagAnswer } from '../flag/flag-set.js';
import type { FlagReason, FlagValue } from '../flag/flag-record.js';
import type { StageWatch } from '../stage-watch.js';

/** What the provider answers, before it is known whether the type is the one asked for. */
export type Answer =
  | { value: FlagValue; reason: string; flagMetadata: FlagMetadata }
  | { errorCode: ErrorCode; errorMessage: string };

const REASONS: Readonly<Record<FlagReason, string>> = {
  static: 'STATIC',
  listed: 'TARGETING_MATCH',
  split: 'SPLIT',
  others: 'DEFAULT',
};

/** Answers for an edge or a flag. While the bucket is not followed the reason is STALE: there may be a newer value. */
export function flagAnswer(stages: StageWatch, flag: string, context: EvaluationContext): Answer {
  const { targetingKey: key } = context as { targetingKey?: unknown };
  if (key !== undefined && typeof key !== 'string')
    return { errorCode: ErrorCode.INVALID_CONTEXT, errorMessage: `the targetingKey is a ${typeof key}` };
  const edge = edgeOf(flag);
  const answer = edge === undefined ? ofFlag(stages, flag, key) : ofEdge(stages, edge, key);
  return 'reason' in answer && !stages.following ? { ...answer, reason: 'STALE' } : answer;
}

function ofFlag(stages: StageWatch, flag: string, key: string | undefined): Answer {
  const answer = stages.flags.answer(flag, key);
  if (answer === undefined) return notFound(`there is no flag ${flag}: banyan flag set makes one`);
  return { value: answer.value, reason: REASONS[answer.reason], flagMetadata: metadataOfFlag(answer) };
}

function metadataOfFlag({ flag: { record, origin } }: FlagAnswer): FlagMetadata {
  const { change, changeId, at: since, share, rampBy } = record;
  return { change, changeId, since, origin, ...(share === undefined ? {} : { share, rampBy }) };
}

function ofEdge(stages: StageWatch, name: string, key: string | undefined): Answer {
  const edge = stages.declared(name);
  if (edge === undefined)
    return notFound(`this process has not declared ${name}: stages.edge({ edge, stages })`);
  const { running, rampBy } = edge;
  const decides = running.ramp !== undefined && rampBy !== undefined && key !== undefined;
  const value = stageFor(running, { by: rampBy ?? '', key: rampBy === undefined ? undefined : key });
  const reason = running.ramp === undefined ? 'STATIC' : decides ? 'SPLIT' : 'DEFAULT';
  return { value, reason, flagMetadata: metadataOfEdge(edge) };
}

function metadataOfEdge({ running, rampBy, kind }: EdgeStage): FlagMetadata {
  const { change, changeId, since, origin, ramp } = running;
  const split = ramp === undefined ? {} : { share: ramp.share, ...(rampBy === undefined ? {} : { rampBy }) };
  return { change, changeId, since, origin, kind, ...split };
}

function notFound(errorMessage: string): Answer {
  return { errorCode: ErrorCode.FLAG_NOT_FOUND, errorMessage };
}

/** The canonical text of an edge; undefined: it is a flag's name. */
function edgeOf(flag: string): string | undefined {
  try {
    return parseEdge(flag).text;
  } catch {
    return undefined;
  }
}
