import type { ComparisonOutcome, FieldDifference } from '@banyan/control';
import { systemClock, wait } from '@banyan/runtime';
import type { FieldComparison } from './fields/field-comparison.js';
import type { ReplicaAnswer } from '../query/replica-reader.js';

/** What came of asking the provider. */
export type ProviderAnswer<Response> =
  | { kind: 'found'; response: Response }
  | { kind: 'not-found' }
  /** It judged the request and said no. */
  | { kind: 'refused'; code: number }
  /** It could not be asked; that says nothing about the data. */
  | { kind: 'failed'; code: number };

export interface Judgement {
  outcome: ComparisonOutcome;
  /** Of the provider's answer; null where it has none. */
  version: number | null;
  /** For `late`: how long the replica took to reach the answer's version. */
  lateMs?: number;
  /** For `wrong`: paths of the fields that differ. */
  fields?: string[];
  /** The same without indexes and keys, sorted: differences of one kind have the same. */
  patterns?: string[];
  note?: string;
}

export interface ComparisonRules<Response> {
  /** The version of what an answer carries. 0 or undefined: it has none. */
  version: (response: Response) => number | undefined;
  fields: Pick<FieldComparison<Response>, 'differences'>;
  /** A replica that has not reached the answer's version after this is wrong (or missing, or extra), in ms. */
  lateDeadlineMs: number;
}

/** The two sides of one comparison. */
export interface Sides<Response> {
  provider: ProviderAnswer<Response>;
  /** When the provider answered, by the monotonic clock. */
  answeredMs: number;
  /** What the replica said first. */
  replica: ReplicaAnswer<Response>;
  /** Reads the replica again. */
  readAgain: () => Promise<ReplicaAnswer<Response>>;
  /** Asks the provider again. */
  askAgain: () => Promise<ProviderAnswer<Response>>;
}

type Verdict = Judgement | { outcome: 'wait'; otherwise: Judgement };

/**
 * Compares a provider's and a replica's answer at the same version: a replica that is behind is waited for, one that is
 * ahead can no longer be judged.
 *
 * @param signal ends the waiting; the comparison is then unjudged
 */
export async function compareSides<Response>(
  sides: Sides<Response>,
  rules: ComparisonRules<Response>,
  signal: AbortSignal,
): Promise<Judgement> {
  const lateMs = (): number => systemClock.monotonicMs() - sides.answeredMs;
  let verdict = verdictOf(sides.provider, sides.replica, rules);
  for (let pauseMs = 2; verdict.outcome === 'wait'; pauseMs = Math.min(250, pauseMs * 2)) {
    const leftMs = rules.lateDeadlineMs - lateMs();
    if (leftMs <= 0) return stillDifferent(sides, verdict.otherwise, rules);
    await wait(Math.min(pauseMs, leftMs), signal);
    if (signal.aborted) return { outcome: 'unjudged', version: verdict.otherwise.version, note: 'stopped' };
    verdict = verdictOf(sides.provider, await sides.readAgain(), rules);
    if (verdict.outcome === 'equal') return { ...verdict, outcome: 'late', lateMs: lateMs() };
  }
  return verdict;
}

/**
 * What was asked for may have come, gone, or begun anew at the source in the meantime: ask the provider once more. A version
 * below the one that was waited for is another life of the same key.
 */
async function stillDifferent<Response>(
  sides: Sides<Response>,
  judgement: Judgement,
  rules: ComparisonRules<Response>,
): Promise<Judgement> {
  const now = await sides.askAgain();
  const version = now.kind === 'found' ? versionOf(now.response, rules) : null;
  const isAnew = judgement.version !== null && (version ?? judgement.version) < judgement.version;
  if (now.kind === sides.provider.kind && !isAnew) return judgement;
  return { outcome: 'unjudged', version: judgement.version, note: 'the provider’s answer changed meanwhile' };
}

function verdictOf<Response>(
  provider: ProviderAnswer<Response>,
  replica: ReplicaAnswer<Response>,
  rules: ComparisonRules<Response>,
): Verdict {
  if (provider.kind === 'failed')
    return { outcome: 'unjudged', version: null, note: `provider: status ${provider.code}` };
  if (replica.kind === 'failed') {
    return { outcome: 'oneSided', version: null, note: `the replica failed: ${replica.reason}` };
  }
  if (provider.kind === 'refused') {
    return { outcome: 'oneSided', version: null, note: `the provider refused: status ${provider.code}` };
  }
  if (provider.kind === 'found' && replica.kind === 'found') {
    return verdictOfFound(provider.response, replica.response, rules);
  }
  return verdictOfAbsent(provider, replica, rules);
}

function verdictOfAbsent<Response>(
  provider: ProviderAnswer<Response>,
  replica: ReplicaAnswer<Response>,
  rules: ComparisonRules<Response>,
): Verdict {
  if (provider.kind === replica.kind) return { outcome: 'equal', version: null };
  if (provider.kind === 'found') {
    const version = versionOf(provider.response, rules);
    return { outcome: 'wait', otherwise: { outcome: 'missing', version } };
  }
  return { outcome: 'wait', otherwise: { outcome: 'extra', version: null } };
}

function verdictOfFound<Response>(
  provider: Response,
  replica: Response,
  rules: ComparisonRules<Response>,
): Verdict {
  const version = versionOf(provider, rules);
  const reached = versionOf(replica, rules);
  if (version === null || reached === null) return { outcome: 'unjudged', version, note: 'no version' };
  if (reached > version) return { outcome: 'unjudged', version, note: 'the replica is ahead' };
  if (reached < version) {
    const note = `the replica stayed at version ${reached}`;
    return { outcome: 'wait', otherwise: { outcome: 'wrong', version, fields: [], note } };
  }
  return verdictOfDifferences(rules.fields.differences(provider, replica), version);
}

/** Where nothing but the order of lists differs, the note says so: that is mostly a replica's missing ORDER BY. */
function verdictOfDifferences(differences: readonly FieldDifference[], version: number): Judgement {
  if (differences.length === 0) return { outcome: 'equal', version };
  const fields = differences.map(({ path }) => path);
  const patterns = [...new Set(differences.map(({ pattern }) => pattern))].sort();
  const isOrder = differences.every(({ kind }) => kind === 'order');
  return { outcome: 'wrong', version, fields, patterns, ...(isOrder ? { note: 'order' } : {}) };
}

function versionOf<Response>(response: Response, { version }: ComparisonRules<Response>): number | null {
  const seen = version(response);
  return seen !== undefined && seen > 0 ? seen : null;
}
