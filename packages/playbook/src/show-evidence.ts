import type { ChangeEvidence, QueryOverview, StageRecord } from '@banyan/control';
import type { EdgeEvidence, ProcessEvidence } from './commands/evidence.js';
import {
  showCounterexamples,
  showEvidence,
  showNext,
  showProbes,
  showRecord,
  showSettings,
  stageText,
} from './show-edge.js';
import { reactionSections } from './show-reaction.js';
import { section } from './table.js';

/** An edge's evidence in full: of all processes together, of each for itself, and of each change. */
export function evidenceLines({ edge, processes, changes }: EdgeEvidence): string[] {
  return [
    `${edge.edge}: ${stageText(edge)}`,
    `  next       ${showNext(edge)}`,
    ...showSettings(edge),
    ...(edge.kind === 'query' ? queryLines(edge) : reactionSections(edge)),
    ...(processes.length > 1 ? processes.flatMap(processLines) : []),
    ...section('Changes, and what they were decided on', changes.flatMap(changeLines)),
  ];
}

function queryLines({ evidence }: QueryOverview): string[] {
  return [
    ...section('Measured by all processes, by change', showEvidence(evidence)),
    ...section('Of these asked by probes, not by callers', showProbes(evidence)),
    ...section('Compared, by stratum', evidence.flatMap(strataLines)),
    ...section('Not answered by the replica', evidence.flatMap(fallbackLine)),
    ...section('Cache', evidence.flatMap(cacheLine)),
    ...section('Not equal', evidence.flatMap(showCounterexamples)),
  ];
}

function processLines({ service, instance, pid, report }: ProcessEvidence): string[] {
  const lines = report.kind === 'query' ? showEvidence(report.evidence) : report.evidence.map(countsLine);
  const end = report.kind === 'reaction' ? `${report.side} ` : '';
  return section(`${end}${service} pid ${pid} (${instance})`, lines.length === 0 ? ['nothing yet'] : lines);
}

function countsLine({ change, stage, ...rest }: { change: number; stage: string; changeId: string }): string {
  const { changeId: _, ...counted } = rest;
  const counts = Object.values(counted).flatMap((value: unknown) => countsIn(value));
  return `change ${change} ${stage}: ${counts.join(', ') || 'nothing yet'}`;
}

function countsIn(value: unknown): string[] {
  if (typeof value === 'number') return value === 0 ? [] : [`${value} emitted`];
  if (typeof value !== 'object' || value === null) return [];
  return nonZero(value as Record<string, number>);
}

function strataLines({ change, stage, strata, keysCompared }: ChangeEvidence): string[] {
  const at = `change ${change} ${stage}`;
  const keys =
    keysCompared === undefined || keysCompared === 0 ? [] : [`${at}: ${keysCompared} distinct keys`];
  const counted = Object.entries(strata ?? {});
  return [
    ...keys,
    ...counted.map(([name, counts]) => `${at} ${name}: ${nonZero(counts).join(', ') || 'none'}`),
  ];
}

function fallbackLine({ change, stage, fallbacks }: ChangeEvidence): string[] {
  const reasons = nonZero(fallbacks);
  return reasons.length === 0 ? [] : [`change ${change} ${stage}: ${reasons.join(', ')}`];
}

function cacheLine({ change, stage, cache }: ChangeEvidence): string[] {
  if (cache === undefined) return [];
  return [`change ${change} ${stage}: ${nonZero(cache).join(', ') || 'not asked yet'}`];
}

function nonZero(counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts).flatMap(([name, count]) => (count === 0 ? [] : [`${name} ${count}`]));
}

function changeLines(record: StageRecord): string[] {
  return [showRecord(record), ...evidenceText(record.evidence).map((line) => `   ${line}`)];
}

/** What lies with a change: a gate's verdict, or whatever another version or tool has put there. */
export function evidenceText(evidence: unknown): string[] {
  if (evidence === undefined) return [];
  if (!isVerdict(evidence)) return [JSON.stringify(evidence)];
  return [`gate ${evidence.outcome}: ${evidence.reasons.join('; ')}`];
}

function isVerdict(value: unknown): value is { outcome: string; reasons: string[] } {
  if (typeof value !== 'object' || value === null) return false;
  const { outcome, reasons } = value as Record<string, unknown>;
  return typeof outcome === 'string' && Array.isArray(reasons);
}
