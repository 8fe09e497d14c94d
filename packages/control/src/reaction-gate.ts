import type { Finding } from './gate-verdict.js';
import { noReactions, type ReactionEdgeReport, type ReactionReading } from './reaction-report.js';
import { arrivedOf, receiversOf, sumReactions, sumWithoutId } from './reaction-sum.js';
import { workFindings } from './replica-findings.js';
import type { Stage } from './stage.js';

export interface ReactionQuestion {
  to: Stage;
  changeId: string;
  reports: readonly ReactionEdgeReport[];
  nowMs: number;
}

export interface ReactionGateOptions {
  minReactions: number;
  quietMs: number;
  maxLagMs: number;
}

/** What speaks for and against a reaction edge's next stage. */
export function reactionFindings(question: ReactionQuestion, options: ReactionGateOptions): Finding[] {
  const findings = bothSides(question);
  if (question.to === 'dual') findings.push(...subscribersRun(question), ...callsCarryIds(question, options));
  if (question.to === 'event')
    findings.push(...subscribersKeepUp(question, options), ...enoughSeen(question, options));
  return findings;
}

function bothSides({ reports }: ReactionQuestion): Finding[] {
  return (['caller', 'receiver'] as const).map((side): Finding => {
    const count = reports.filter((report) => report.side === side).length;
    return count === 0
      ? ['not-enough', `no ${side} reports this edge`]
      : ['pass', `${count} ${side}s report the edge`];
  });
}

/** Several instances share a subscriber: each tells how far all of it is. */
function readings({ reports }: ReactionQuestion): ReactionReading[] {
  return receiversOf(reports).flatMap(({ reading }) => (reading === null ? [] : [reading]));
}

function subscribersRun(question: ReactionQuestion): Finding[] {
  const all = readings(question);
  if (all.length === 0) return [['not-enough', 'no receiver reads the edge’s events']];
  const silent = all.filter(({ asOfMs }) => asOfMs === null).length;
  if (silent > 0)
    return [['not-enough', `a receiver’s subscriber has no position yet (${silent} of ${all.length})`]];
  // A parked key is another matter: calls still do its effects at `dual`.
  const ill = all.flatMap((reading) => workFindings({ ...reading, parkedKeys: 0 }, 'a receiver'));
  if (ill.length > 0) return ill;
  return [['pass', `${all.length} receivers read the edge’s events`]];
}

function callsCarryIds({ reports, nowMs }: ReactionQuestion, { quietMs }: ReactionGateOptions): Finding[] {
  const recent = sumWithoutId(reports).filter(({ lastAt }) => Date.parse(lastAt) > nowMs - quietMs);
  if (recent.length === 0) return [['pass', 'all calls carry an event id']];
  return recent.map(({ caller, calls, lastAt }) => [
    'fail',
    `${caller} made ${calls} calls without an event id, the last at ${lastAt}`,
  ]);
}

function subscribersKeepUp(question: ReactionQuestion, { maxLagMs }: ReactionGateOptions): Finding[] {
  const found = subscribersRun(question);
  for (const { stalenessMs, parkedKeys } of readings(question)) {
    const keys = parkedKeys === 1 ? 'one key is' : `${parkedKeys} keys are`;
    if (parkedKeys > 0) found.push(['fail', `${keys} parked: see \`banyan parked list\``]);
    if (stalenessMs !== null && stalenessMs > maxLagMs)
      found.push(['not-enough', `a receiver’s subscriber is ${stalenessMs} ms behind, over ${maxLagMs} ms`]);
  }
  return found;
}

function enoughSeen(
  { reports, changeId }: ReactionQuestion,
  { minReactions }: ReactionGateOptions,
): Finding[] {
  const counts = sumReactions(reports).find((each) => each.changeId === changeId)?.counts;
  const { byCall = 0, byEvent = 0, repeatedEvents = 0 } = counts ?? {};
  const arrived = arrivedOf(counts ?? noReactions());
  const seen = `${byCall} done by calls, ${byEvent} by events, ${repeatedEvents} events came second`;
  return arrived >= minReactions
    ? [['pass', seen]]
    : [['not-enough', `events of ${arrived} of ${minReactions} effects have come (${seen})`]];
}
