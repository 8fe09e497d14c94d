import type { CalibrationReport, FieldDifference, Mismatch, ReplayAnswer, ToldAnswer } from '@banyan/control';
import { ago, table } from './table.js';

const HEADER = ['ID', 'SEEN', 'EDGE', 'OUTCOME', 'VERSION', 'STAGE', 'GROUP', 'FIELDS'];

/** All mismatches, a line each, and how many there are of each kind. */
export function mismatchLines(mismatches: readonly Mismatch[], nowMs: number): string[] {
  if (mismatches.length === 0) return ['no mismatch is kept'];
  const rows = mismatches.map((each) => [
    each.id,
    `${ago(each.at, nowMs)} ago`,
    each.edge,
    each.outcome,
    each.version ?? '-',
    each.stage,
    each.group,
    [
      ...each.differences.map(({ path }) => path),
      ...(each.note === undefined ? [] : [`(${each.note})`]),
    ].join(', '),
  ]);
  return table(HEADER, rows);
}

/** One mismatch in full, as far as it may be shown. */
export function mismatchInFull(mismatch: Mismatch): string[] {
  const { id, edge, outcome, at, stage, change, changeId, version, note, group } = mismatch;
  return [
    `${id}: ${edge}`,
    `  outcome    ${outcome}${note === undefined ? '' : ` (${note})`}, version ${version ?? 'none'}, group ${group}`,
    `  seen       ${at} at ${stage}${change === 0 ? '' : `, change ${change} (${changeId})`}`,
    `  request    ${JSON.stringify(mismatch.request)}`,
    `  provider   ${answerText(mismatch.provider)}`,
    `  replica    ${answerText(mismatch.replica)}`,
    ...differenceLines(mismatch.differences),
  ];
}

/** What came of a replay. */
export function replayLines(id: string, answer: ReplayAnswer): string[] {
  if (!answer.replayed) return [`${id} cannot be replayed: ${answer.because}`];
  const { outcome, version, note, differences } = answer;
  const at = version === null ? '' : ` at version ${version}`;
  const because = note === undefined ? '' : ` (${note})`;
  if (outcome === 'equal' || outcome === 'late')
    return [`${id}: now equal${at}${outcome === 'late' ? ', late' : ''}`];
  if (outcome === 'unjudged') return [`${id}: could not be judged${because}`];
  return [`${id}: still ${outcome}${at}${because}`, ...differenceLines(differences)];
}

/** What a calibration has found, and the rules that it proposes. */
export function calibrationLines(edge: string, report: CalibrationReport): string[] {
  const { samples, wanted, unjudged, fields } = report;
  const head = `${edge}: ${samples} of ${wanted} calls asked twice, ${unjudged} more could not be judged`;
  if (fields.length === 0) {
    return [
      head,
      samples === 0 ? 'Nothing is known yet.' : 'The provider said the same each time: no rule is proposed.',
    ];
  }
  const rows = fields.map(({ pattern, times, propose }) => [
    pattern,
    `${times} of ${samples}`,
    Object.keys(propose)[0] ?? '',
  ]);
  return [
    head,
    ...table(['FIELD', 'DIFFERED', 'RULE'], rows),
    '',
    `Proposed: compare: { ${rulesText(report)} }`,
    'Look at each before you take it over: a field that the version does not cover is hidden by the rule as well.',
  ];
}

/** The rules of a calibration, by their option. */
export function proposedRules({ fields }: CalibrationReport): { ignore: string[]; unordered: string[] } {
  return {
    ignore: fields.flatMap(({ propose }) => ('ignore' in propose ? [propose.ignore] : [])),
    unordered: fields.flatMap(({ propose }) => ('unordered' in propose ? [propose.unordered] : [])),
  };
}

function rulesText(report: CalibrationReport): string {
  return Object.entries(proposedRules(report))
    .filter(([, paths]) => paths.length > 0)
    .map(([option, paths]) => `${option}: [${paths.map((path) => `'${path}'`).join(', ')}]`)
    .join(', ');
}

function differenceLines(differences: readonly FieldDifference[]): string[] {
  return differences.map(({ path, kind, provider, replica }) =>
    kind === 'order'
      ? `  ${path}: the same items in another order`
      : `  ${path}: provider ${valueText(provider)}, replica ${valueText(replica)}`,
  );
}

const valueText = (value: unknown): string => (value === undefined ? 'absent' : JSON.stringify(value));

function answerText(answer: ToldAnswer): string {
  if (answer.kind === 'found') return JSON.stringify(answer.message);
  return answer.kind === 'not-found' ? 'not found' : `${answer.kind}: ${answer.because}`;
}
