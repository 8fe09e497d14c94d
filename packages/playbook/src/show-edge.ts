import type {
  ChangeEvidence,
  EdgeOverview,
  FreshnessReport,
  QueryOverview,
  StageRecord,
} from '@banyan/control';
import { reactionFigures, reactionSections, showReading } from './show-reaction.js';
import { ago, ms, section, table } from './table.js';

/** All edges, a line each, and what each needs to advance. */
export function showEdges(edges: readonly EdgeOverview[], nowMs: number): string[] {
  if (edges.length === 0) return ['No edge is known: no stage was ever set and no process reports one.'];
  const header = [
    'EDGE',
    'STAGE',
    'CHANGE',
    'SINCE',
    'BY',
    'IN FORCE',
    'CALLS',
    'P50 MS',
    'P99 MS',
    'EQUAL',
    'LATE',
    'WRONG',
    'REPLICA',
  ];
  const rows = edges.map((edge) => {
    return [
      edge.edge,
      stageText(edge),
      edge.change,
      edge.since === null ? '-' : `${ago(edge.since, nowMs)} ago`,
      edge.by ?? '-',
      inForce(edge),
      ...(edge.kind === 'query' ? queryFigures(edge) : reactionFigures(edge)),
    ];
  });
  return [...table(header, rows), '', ...edges.map((edge) => `${edge.edge}: ${showNext(edge)}`)];
}

function queryFigures(edge: QueryOverview): (string | number)[] {
  const latest = edge.evidence.findLast(
    (each) => each.changeId === edge.changeId && each.stage === edge.stage,
  );
  if (latest === undefined) return [0, '-', '-', 0, 0, 0, freshness(edge.freshness)];
  const { latencyMs, comparisons } = latest;
  const { equal, late, wrong } = comparisons;
  const speed = [ms(latencyMs.p50), ms(latencyMs.p99)];
  return [callsOf(latest), ...speed, equal, late, wrong, freshness(edge.freshness)];
}

/** One edge in full. */
export function showEdge(edge: EdgeOverview, history: readonly StageRecord[], nowMs: number): string[] {
  const since =
    edge.since === null
      ? 'never changed'
      : `change ${edge.change}, ${ago(edge.since, nowMs)} ago by ${edge.by ?? 'unknown'}`;
  return [
    edge.edge,
    `  stage      ${stageText(edge)} (${since})`,
    ...showRampKey(edge),
    `  in force   ${inForce(edge)}${edge.processes.map(showProcess).join('')}`,
    ...(edge.kind === 'query'
      ? [`  replica    ${freshness(edge.freshness)}`, ...showSubscriber(edge), ...showBypasses(edge)]
      : [`  subscriber ${showReading(edge.reading)}`]),
    `  next       ${showNext(edge)}`,
    ...showSettings(edge),
    ...(edge.kind === 'query' ? querySections(edge) : reactionSections(edge)),
    ...section('Changes', history.slice(-10).map(showRecord)),
  ];
}

function querySections({ evidence }: QueryOverview): string[] {
  return [
    ...section('Measured, by change', showEvidence(evidence)),
    ...section('Of these asked by probes, not by callers', showProbes(evidence)),
    ...section('Not equal, latest', evidence.flatMap(showCounterexamples).slice(-10)),
  ];
}

/** What must hold, or be waited for, before the edge advances. */
export function showNext({ next, ladder, stage, ramp }: EdgeOverview): string {
  if (next === null)
    return ladder === null ? 'no process reports this edge' : `${stage} is the highest stage`;
  const outcome = { pass: 'ready', fail: 'refused', 'not-enough': 'not yet' }[next.outcome];
  const more = ramp === null ? '' : ` for more than ${ramp.share} %`;
  return `${next.stage}${more}: ${outcome}: ${next.reasons.join('; ')}`;
}

/** By which settings the gate judges. */
export function showSettings({ next }: EdgeOverview): string[] {
  return next === null ? [] : [`  settings   ${next.settingsFrom}`];
}

/** A stage, and during a ramp who runs it: `replica 10 %, else prefer-replica`. */
export function stageText({ stage, ramp }: Pick<EdgeOverview, 'stage' | 'ramp'>): string {
  return ramp === null ? stage : `${stage} ${ramp.share} %, else ${ramp.from}`;
}

/** What keeps the replica, where a process says so. */
function showSubscriber({ subscriber }: QueryOverview): string[] {
  if (subscriber === null) return [];
  const { state, lagPositions, parkedKeys, stopped, backfill } = subscriber;
  const parts = [
    state,
    ...(lagPositions === null ? [] : [`${lagPositions} positions behind`]),
    ...(parkedKeys === 0 ? [] : [`${parkedKeys} keys parked`]),
    ...(stopped === undefined ? [] : [`${stopped.partitions} partitions stopped`]),
    ...(backfill === undefined ? [] : [`backfill of ${backfill.of} ${backfill.state}`]),
  ];
  return [`  kept by    ${parts.join(', ')}`];
}

/** Calls that were, or nearly were, made past the stage; nothing where there are none. */
function showBypasses({ bypasses: { repaired, missed } }: QueryOverview): string[] {
  if (repaired + missed === 0) return [];
  return [
    `  past it    ${missed} calls went past the edge, ${repaired} were put back (interceptors of their own)`,
  ];
}

function showRampKey({ ramp, rampBy }: EdgeOverview): string[] {
  if (ramp === null) return [];
  return [`  share      ${ramp.share} % by ${rampBy ?? 'no key that all processes share'}`];
}

export function inForce({ processes }: EdgeOverview): string {
  return `${processes.filter((process) => process.inForce).length}/${processes.length}`;
}

function showProcess({
  service,
  instance,
  pid,
  side,
  stage,
  ramp,
  change,
  inForce: current,
  held,
  trip,
}: EdgeOverview['processes'][number]): string {
  const holds = held === undefined ? '' : `, holds against change ${held.change ?? '?'}: ${held.reason}`;
  const behind = current ? '' : ` runs ${stageText({ stage, ramp: ramp ?? null })} (change ${change})`;
  const back =
    trip === undefined ? '' : `, taken back from ${trip.from} by its guard at ${trip.at}: ${trip.cause}`;
  const end = side === undefined ? '' : `${side} `;
  return `\n             ${end}${service} pid ${pid} (${instance})${behind}${back}${holds}`;
}

/** What was measured, a line a change and stage. */
export function showEvidence(evidence: readonly ChangeEvidence[]): string[] {
  if (evidence.length === 0) return [];
  const header = [
    'CHANGE',
    'STAGE',
    'CALLS',
    'FAILED',
    'BY REPLICA',
    'P50 MS',
    'P99 MS',
    'EQUAL',
    'LATE',
    'LATE P99',
    'WRONG',
    'MISSING',
    'EXTRA',
    'ONE-SIDED',
    'UNJUDGED',
    'SHED',
  ];
  const rows = evidence.map((each) => {
    const { equal, late, wrong, missing, extra, oneSided, unjudged, shed } = each.comparisons;
    const speed = [ms(each.latencyMs.p50), ms(each.latencyMs.p99)];
    const calls = [each.change, each.stage, callsOf(each), each.calls.failed, each.calls.byReplica, ...speed];
    return [...calls, equal, late, ms(each.lateMs.p99), wrong, missing, extra, oneSided, unjudged, shed];
  });
  return table(header, rows);
}

/** Comparisons that nobody but a probe asked for, a line a change and stage. */
export function showProbes(evidence: readonly ChangeEvidence[]): string[] {
  return evidence.flatMap(({ change, stage, byProbe }) => {
    const counts = Object.entries(byProbe ?? {}).filter(([, count]) => count > 0);
    if (counts.length === 0) return [];
    return [
      `change ${change} ${stage}: ${counts.map(([outcome, count]) => `${outcome} ${count}`).join(', ')}`,
    ];
  });
}

/** What was not equal, a line each. */
export function showCounterexamples({ stage, counterexamples }: ChangeEvidence): string[] {
  return counterexamples.map(({ at, outcome, version, fields, note }) => {
    const where = fields.length === 0 ? '' : ` in ${fields.join(', ')}`;
    return `${at} ${stage} ${outcome}${where}${version === null ? '' : ` at version ${version}`}${note === undefined ? '' : ` (${note})`}`;
  });
}

/** A change, in a line. */
export function showRecord({ change, from, stage, share, at, by, why, forced }: StageRecord): string {
  const target = share === undefined ? stage : `${stage} ${share} %`;
  return `${change}  ${at}  ${from} -> ${target}  by ${by}${forced === true ? ' (forced)' : ''}: ${why}`;
}

function freshness(report: FreshnessReport | null): string {
  if (report === null) return '-';
  if (report.stalenessMs === null) return 'never started';
  return `${report.fresh ? 'fresh' : 'stale'} (${report.stalenessMs} of ${report.budgetMs} ms)`;
}

function callsOf({ calls }: ChangeEvidence): number {
  return calls.ok + calls.failed;
}
