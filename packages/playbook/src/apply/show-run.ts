import type { RunRecord, RunStep, RunView } from '@banyan/control';
import { ago, table } from '../table.js';
import type { StepStanding } from './reached.js';
import type { RunEvent } from './run-event.js';

/**
 * A run's steps, a line each.
 *
 * @param standings how they stand in the world, where that was asked: what a run has not come to may be so all the same, and
 * what it has made may be so no more
 */
export function stepLines(
  steps: readonly RunStep[],
  standings?: ReadonlyMap<string, StepStanding>,
): string[] {
  const rows = steps.map((step, index) => {
    return [index + 1, step.key, standingText(step, standings?.get(step.key))];
  });
  return table(['STEP', 'WHAT', 'STATE'], rows);
}

function standingText(step: RunStep, standing: StepStanding | undefined): string {
  if (step.state === 'todo' && standing?.reached === true) return 'is so already';
  return standing?.takenBack === true ? `${stateText(step)}, and taken back since` : stateText(step);
}

export interface RunLook {
  nowMs: number;
  standings?: ReadonlyMap<string, StepStanding>;
}

/** Where a run stands, in a few lines, and then its steps. */
export function runLines(run: RunView, { nowMs, standings }: RunLook): string[] {
  const { playbook, state, why, scope, startedAt, startedBy, holder, wishes, digest } = run;
  const begun = `begun ${ago(startedAt, nowMs)} ago by ${startedBy}`;
  const isGone = state === 'running' && holder?.alive !== true;
  const told = isGone ? 'nobody is at it any more: `banyan apply --yes` goes on' : why;
  return [
    `${playbook}: ${isGone ? 'left' : state}, ${doneText(run)} (${begun}, playbook ${digest})`,
    ...(told === '' ? [] : [`  why        ${told}`]),
    ...(scope === null ? [] : [`  only       ${scope}`]),
    ...(holder === null
      ? []
      : [`  at it      ${holder.by}, pid ${holder.pid} on ${holder.host.split(' ')[0] ?? ''}`]),
    ...(wishes.paused === null ? [] : [`  paused     by ${wishes.paused.by} at ${wishes.paused.at}`]),
    ...wishes.postponed.map(({ step, by }) => `  postponed  ${step}, by ${by}`),
    '',
    ...stepLines(run.steps, standings),
  ];
}

/** `12 of 38 steps done`. */
export function doneText({ steps }: Pick<RunRecord, 'steps'>): string {
  return `${steps.filter(({ state }) => state === 'done').length} of ${steps.length} steps done`;
}

/** What a run is at, in one line that is shown in place. */
export function liveLine(run: RunRecord): string {
  const busy = run.steps.filter(
    ({ state }) => state === 'waiting' || state === 'soaking' || state === 'doing',
  );
  return [doneText(run), ...busy.map((step) => `${step.key}: ${stateText(step)}`)].join(' | ');
}

function stateText(step: RunStep): string {
  switch (step.state) {
    case 'todo':
      return 'to do';
    case 'doing':
      return 'is being done';
    case 'waiting':
      return `waits: ${step.missing.join('; ')}`;
    case 'soaking':
      return `soaks until ${step.until}`;
    case 'done':
      return step.how === 'found' ? `was so at ${step.at}` : `done at ${step.at} by ${step.by}`;
    case 'failed':
      return `failed at ${step.at}: ${step.why}`;
  }
}

/** What happened, in a line. */
export function eventText(event: RunEvent): string {
  switch (event.kind) {
    case 'changed':
      return changedText(event);
    case 'acting':
      return `${event.step}: begins (${event.why})`;
    case 'acted':
      return `${event.step}: made`;
    case 'done':
      return `${event.step}: ${event.how === 'found' ? 'was done already' : 'done'}`;
    case 'waiting':
      return `${event.step}: waits: ${event.missing.join('; ')}`;
    case 'soaking':
      return `${event.step}: soaks until ${event.until}`;
    case 'overtaken':
      return `${event.step}: looks again: ${event.why}`;
    case 'paused':
      return `paused by ${event.by}; \`banyan apply resume\` lets it go on`;
    case 'resumed':
      return 'goes on';
    case 'away':
      return `${event.why}; asking again`;
  }
}

export function changedText({
  changed: { added, altered, gone },
}: Extract<RunEvent, { kind: 'changed' }>): string {
  const parts = [
    ['new', added],
    ['altered', altered],
    ['gone', gone],
  ] as const;
  const told = parts.flatMap(([what, keys]) => (keys.length === 0 ? [] : [`${what}: ${keys.join('; ')}`]));
  return `the playbook has changed since the run began (${told.join(' | ') || 'settings only'})`;
}
