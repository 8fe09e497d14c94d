import type { RunStep, RunView } from '@banyan/control';
import { keyedSteps, planDigest, type Plan } from '@banyan/playbook';
import type { OtherRun, PlanView, PlaybookView, RunSummary, StepView } from '../wire.js';
import type { Standings } from './plan-look.js';

/** The run that matters: of the playbook that is shown, else whichever was written last. */
export function runToShow(runs: readonly RunView[], plan: Plan | undefined): RunView | undefined {
  const meant = plan === undefined ? runs : runs.filter(({ playbook }) => playbook === plan.name);
  return meant.toSorted((a, b) => b.updatedAt.localeCompare(a.updatedAt))[0];
}

/** A run that nobody is at any more waits for somebody. */
export function summaryOf(run: RunView): RunSummary {
  const { state, by, updatedAt: at, wishes, holder } = run;
  const isLeft = state === 'running' && holder?.alive !== true;
  return { state: isLeft ? 'waiting' : state, by, at, paused: wishes.paused !== null };
}

export interface PlanParts {
  run: RunView | undefined;
  plan: Plan | undefined;
  standings: Standings;
}

/**
 * The playbook's steps: as its run has them, and where that has not come to a step, as the world stands. A run of another version
 * of the playbook says nothing of these steps, and is told with its own.
 */
export function planView({ run, plan, standings }: PlanParts): PlanView {
  const nothing = { run: null, otherRun: null };
  if (plan === undefined) {
    if (run === undefined) return { playbook: null, steps: [], ...nothing };
    return { ...viewOf(run), otherRun: null };
  }
  const playbook = { name: plan.name, description: plan.file, digest: planDigest(plan) };
  if (run?.digest === playbook.digest) {
    const { steps, run: summary } = viewOf(run);
    return { playbook, steps: steps.map((step) => reached(step, standings)), run: summary, otherRun: null };
  }
  const bare = keyedSteps(plan).map(({ key, edge }): StepView => ({ ...nameOf(key, edge), state: 'todo' }));
  const steps = bare.map((step) => reached(step, standings));
  return { playbook, steps, run: null, otherRun: run === undefined ? null : viewOf(run) };
}

function viewOf(run: RunView): OtherRun {
  const { playbook: name, file: description, digest } = run;
  const playbook: PlaybookView = { name, description, digest };
  return { playbook, steps: run.steps.map((step) => stepOf(step, run)), run: summaryOf(run) };
}

/** What a run has not come to may be so all the same, and what it has made may be so no more. */
function reached(step: StepView, standings: Standings): StepView {
  const standing = standings.get(step.id);
  if (standing?.takenBack === true && step.state !== 'postponed') return { ...step, state: 'undone' };
  // What a run waited for when somebody looked last may have come since.
  if ((step.state !== 'todo' && step.state !== 'waiting') || standing === undefined) return step;
  const { id, title, kind, edge } = step;
  if (standing.reached) return { id, title, kind, ...(edge === undefined ? {} : { edge }), state: 'reached' };
  if (step.state === 'waiting' || standing.missing.length === 0) return step;
  return { ...step, missing: standing.missing };
}

/** A key is the step in words, and the first of them says what it does. */
function nameOf(key: string, edge: string | null): Pick<StepView, 'id' | 'title' | 'kind' | 'edge'> {
  const kind = key.split(' ')[0] ?? '';
  return { id: key, title: key, kind, ...(edge === null ? {} : { edge }) };
}

function stepOf(step: RunStep, { wishes }: RunView): StepView {
  const name = nameOf(step.key, step.edge);
  const postponed = wishes.postponed.find((each) => each.step === step.key);
  if (postponed !== undefined && step.state !== 'done')
    return { ...name, state: 'postponed', at: postponed.at, by: postponed.by };
  switch (step.state) {
    case 'todo':
      return { ...name, state: 'todo' };
    case 'doing':
      return { ...name, state: 'running', at: step.since };
    case 'waiting':
      return { ...name, state: 'waiting', at: step.since, missing: step.missing };
    case 'soaking':
      return { ...name, state: 'soaking', at: step.until };
    case 'done':
      return { ...name, state: 'done', at: step.at, by: step.by, how: step.how };
    case 'failed':
      return { ...name, state: 'failed', at: step.at, missing: [step.why] };
  }
}
