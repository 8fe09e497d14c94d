import type { RunStep, RunView } from '@banyan/control';
import { keyedSteps, planDigest, type Plan } from '@banyan/playbook';
import type { PlanView, RunSummary, StepView } from '../wire.js';

/** The run that matters: of the playbook that is shown, else whichever was written last. */
export function runToShow(runs: readonly RunView[], plan: Plan | undefined): RunView | undefined {
  const meant = plan === undefined ? runs : runs.filter(({ playbook }) => playbook === plan.name);
  return meant.toSorted((a, b) => b.updatedAt.localeCompare(a.updatedAt))[0];
}

/** A run that nobody is at any more waits for somebody. */
export function summaryOf(run: RunView | undefined): RunSummary | null {
  if (run === undefined) return null;
  const { state, by, updatedAt: at, wishes, holder } = run;
  const isLeft = state === 'running' && holder?.alive !== true;
  return { state: isLeft ? 'waiting' : state, by, at, paused: wishes.paused !== null };
}

/** The steps of the last run; before the first, those of the playbook. */
export function planView(run: RunView | undefined, plan: Plan | undefined): PlanView {
  if (run !== undefined) {
    const { playbook: name, file: description, digest } = run;
    const steps = run.steps.map((step) => stepOf(step, run));
    return { playbook: { name, description, digest }, steps, run: summaryOf(run) };
  }
  if (plan === undefined) return { playbook: null, steps: [], run: null };
  const steps = keyedSteps(plan).map(({ key, edge }): StepView => ({ ...nameOf(key, edge), state: 'todo' }));
  return {
    playbook: { name: plan.name, description: plan.file, digest: planDigest(plan) },
    ...{ steps, run: null },
  };
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
      return { ...name, state: 'done', at: step.at, by: step.by };
    case 'failed':
      return { ...name, state: 'failed', at: step.at, missing: [step.why] };
  }
}
