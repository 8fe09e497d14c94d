import type { TrailEntry } from '@banyan/control';
import { showEvidence, showNext, stageText } from '../show-edge.js';
import { reactionSections } from '../show-reaction.js';
import { ago } from '../table.js';
import { isBelow, type Incident, type MigratedEdge, type Migration, type StageChanged } from './migration.js';

/** A page as its parts, of which Markdown and HTML are made. Texts are plain. */
export interface Page {
  title: string;
  /** Under the title. */
  about: string;
  parts: Part[];
}

export type Part =
  | { kind: 'heading'; text: string; level: 2 | 3 }
  | { kind: 'text'; text: string }
  | { kind: 'table'; header: readonly string[]; rows: readonly (readonly Cell[])[] }
  | { kind: 'figures'; lines: readonly string[] }
  | { kind: 'ladder'; rungs: readonly Rung[] };

/** A text, perhaps with what kind of news it is. */
export type Cell = string | { text: string; tone: Tone };

export type Tone = 'good' | 'bad' | 'quiet';

export interface Rung {
  stage: string;
  state: 'passed' | 'here' | 'ahead';
  isTarget: boolean;
}

/** The page of a migration: where it stands, what happened, and each edge by itself. */
export function pageOf(migration: Migration): Page {
  const { name, at, edges, timeline, actions, incidents } = migration;
  return {
    title: name === null ? 'Migration' : `Migration ${name}`,
    about: `As of ${timeText(at) ?? at}. ${progressOf(edges)}`,
    parts: [
      ...section('Where it stands', overview(edges)),
      ...section('Incidents', incidentsPart(incidents), 'None.'),
      ...section('Parked keys', parkedPart(migration), parkedWords(migration)),
      ...section('What happened', timelinePart(timeline), 'No stage was ever changed.'),
      ...(actions.length === 0 ? [] : section('What else was done', actionsPart(actions))),
      { kind: 'heading', text: 'Edge by edge', level: 2 },
      ...edges.flatMap((edge) => edgeParts(edge, at)),
    ],
  };
}

/** To the second, in UTC. What is no time is left as it is. */
function timeText(iso: string | null): string | undefined {
  return iso === null ? undefined : iso.replace(/^([\d-]{10})T([\d:]{8})(\.\d+)?Z$/, '$1 $2 UTC');
}

function section(text: string, part: Part | undefined, otherwise = ''): Part[] {
  return [{ kind: 'heading', text, level: 2 }, part ?? { kind: 'text', text: otherwise }];
}

function progressOf(edges: readonly MigratedEdge[]): string {
  const targeted = edges.filter(({ target }) => target !== null);
  const there = targeted.filter(isThere).length;
  const moved = edges.filter(({ edge }) => edge.stage !== 'call').length;
  if (targeted.length === 0) return `${edges.length} edges, ${moved} of them moved.`;
  return `${there} of ${targeted.length} edges have reached their target.`;
}

function isThere({ edge, target }: MigratedEdge): boolean {
  return target !== null && edge.ramp === null && !isBelow(edge.kind, edge.stage, target);
}

function overview(edges: readonly MigratedEdge[]): Part | undefined {
  if (edges.length === 0) return { kind: 'text', text: 'No edge is known.' };
  const rows = edges.map((each): Cell[] => {
    const { edge, owner, target } = each;
    const stage = { text: stageText(edge), tone: isThere(each) ? 'good' : 'quiet' } as const;
    return [edge.edge, stage, target ?? '-', owner ?? '-', timeText(edge.since) ?? '-', nextCell(edge)];
  });
  return { kind: 'table', header: ['Edge', 'Stage', 'Target', 'Owner', 'Since', 'Next'], rows };
}

function nextCell(edge: MigratedEdge['edge']): Cell {
  const text = showNext(edge);
  return edge.next?.outcome === 'fail' ? { text, tone: 'bad' } : text;
}

function incidentsPart(incidents: readonly Incident[]): Part | undefined {
  if (incidents.length === 0) return undefined;
  const rows = incidents.map(({ at, edge, kind, what }): Cell[] => [
    timeText(at) ?? 'now',
    edge,
    { text: kind, tone: 'bad' },
    what,
  ]);
  return { kind: 'table', header: ['When', 'Edge', 'What', 'How'], rows };
}

function parkedWords({ parked }: Migration): string {
  return parked === null ? 'Not looked at: no database address is known.' : 'None.';
}

function parkedPart({ parked, at }: Migration): Part | undefined {
  if (parked === null || parked.length === 0) return undefined;
  const rows = parked.map(
    ({ subscriber, source, aggregate, aggregateId, state, events, since, lastError }) => [
      `${source}/${aggregate}/${aggregateId}`,
      subscriber,
      state,
      String(events),
      `${ago(since.toISOString(), Date.parse(at))} ago`,
      lastError?.split('\n')[0] ?? '',
    ],
  );
  return { kind: 'table', header: ['Key', 'Subscriber', 'State', 'Events', 'Since', 'Last error'], rows };
}

function timelinePart(timeline: readonly StageChanged[]): Part | undefined {
  if (timeline.length === 0) return undefined;
  const header = ['When', 'Edge', 'Change', 'From', 'To', 'By', 'Why', 'Evidence'];
  const rows = timeline.map(({ record, direction, evidence }): Cell[] => {
    const { at, edge, change, from, stage, share, by, why, forced } = record;
    const to = share === undefined ? stage : `${stage} ${share} %`;
    return [
      ...[timeText(at) ?? at, edge, String(change), from],
      { text: to, tone: direction === 'up' ? 'good' : 'bad' },
      by,
      forced === true ? `${why} (forced)` : why,
      evidence.join('; '),
    ];
  });
  return { kind: 'table', header, rows };
}

function actionsPart(actions: readonly TrailEntry[]): Part {
  const rows = actions.map(({ at, kind, about, from, to, by, why }): Cell[] => {
    const step = [from, to].filter((each) => each !== undefined).join(' -> ');
    return [timeText(at) ?? at, kind, about, step, by, why];
  });
  return { kind: 'table', header: ['When', 'What', 'Of', 'How', 'By', 'Why'], rows };
}

function edgeParts({ edge, ladder, target }: MigratedEdge, at: string): Part[] {
  const standing = edge.since === null ? 'never changed' : `for ${ago(edge.since, Date.parse(at))}`;
  const running = `${edge.processes.filter(({ inForce }) => inForce).length} of ${edge.processes.length}`;
  const figures = edge.kind === 'query' ? showEvidence(edge.evidence) : reactionSections(edge);
  return [
    { kind: 'heading', text: edge.edge, level: 3 },
    { kind: 'ladder', rungs: rungsOf(ladder, edge.stage, target) },
    {
      kind: 'text',
      text: `${stageText(edge)}, ${standing}; in force in ${running} processes. Next: ${showNext(edge)}.`,
    },
    figures.length === 0
      ? { kind: 'text', text: 'Nothing is measured: no process reports it, or none has been called.' }
      : { kind: 'figures', lines: figures },
  ];
}

function rungsOf(ladder: readonly string[], stage: string, target: string | null): Rung[] {
  const here = ladder.indexOf(stage);
  return ladder.map((each, index) => ({
    stage: each,
    state: index === here ? 'here' : index < here ? 'passed' : 'ahead',
    isTarget: each === target,
  }));
}
