import { AuditLog, readRuns, RunStore, type RunView } from '@banyan/control';
import { BanyanError } from '@banyan/runtime';
import { postponeSteps } from '../apply/apply-plan.js';
import { findStep, keyedSteps } from '../apply/keyed-steps.js';
import { lookAtPlan, type StepStanding } from '../apply/reached.js';
import { runLines } from '../apply/show-run.js';
import { World } from '../apply/world.js';
import { EXIT } from '../exit-code.js';
import type { ApplyContext } from './apply-context.js';

export type WishName = 'status' | 'pause' | 'resume' | 'postpone' | 'release';

/** Does one of these, and shows how the run stands. */
export async function wish(what: WishName, context: ApplyContext, written?: string): Promise<void> {
  const { plan, connection, options, surroundings } = context;
  const { terminal, ended } = surroundings;
  if (what === 'status') return tellStatus(context);
  const said = await make(what, context, written);
  const run = (await readRuns(connection)).find(({ playbook }) => playbook === plan.name);
  if (options.json === true) terminal.out(JSON.stringify({ ok: true, run: run ?? null }));
  else terminal.out(said);
  ended(EXIT.done);
}

/** What the run has noted, beside how the world stands: an edge may have been moved, or taken back, while nobody walked. */
async function tellStatus({ plan, connection, options, surroundings, by }: ApplyContext): Promise<void> {
  const { terminal, ended } = surroundings;
  const run = (await readRuns(connection)).find(({ playbook }) => playbook === plan.name);
  const standings = await lookAtPlan(plan, { world: new World(connection), by, run });
  if (options.json === true) terminal.out(JSON.stringify({ ok: true, run: stoodIn(run, standings) }));
  else if (run === undefined) terminal.out(`${plan.name} was never applied: \`banyan apply\``);
  else for (const line of runLines(run, { nowMs: Date.now(), standings })) terminal.out(line);
  const isWhole = [...standings.values()].every(({ takenBack }) => !takenBack);
  ended(run?.state === 'done' && isWhole ? EXIT.done : EXIT.notYet);
}

function stoodIn(run: RunView | undefined, standings: ReadonlyMap<string, StepStanding>): object | null {
  if (run === undefined) return null;
  const steps = run.steps.map((step) => {
    const { reached = false, takenBack = false } = standings.get(step.key) ?? {};
    return { ...step, reached, takenBack };
  });
  return { ...run, steps };
}

/** What it says of it. */
async function make(
  what: Exclude<WishName, 'status'>,
  { plan, connection, by }: ApplyContext,
  written = '',
): Promise<string> {
  const store = await RunStore.open(connection);
  const { name } = plan;
  const step = what === 'postpone' || what === 'release' ? findStep(keyedSteps(plan), written).key : '';
  await new AuditLog(connection).append({ kind: 'run', about: name, by, why: `${what} ${step}`.trim() });
  if (what === 'pause') {
    const at = new Date().toISOString();
    await store.wish(name, ({ postponed }) => ({ postponed, paused: { by, at } }));
    return `${name} stops before its next step. \`banyan apply resume\` lets it go on.`;
  }
  if (what === 'resume') {
    await store.wish(name, ({ postponed }) => ({ postponed, paused: null }));
    return `${name} may go on; if nobody is at it any more: \`banyan apply --yes\`.`;
  }
  if (what === 'postpone') {
    await postponeSteps(store, name, { steps: [step], by });
    return `${step} waits until it is released: banyan apply release "${step}"`;
  }
  const { postponed } = await store.wishes(name);
  if (!postponed.some((each) => each.step === step))
    throw new BanyanError('BANYAN_STEP_UNKNOWN', `${step} is not postponed`);
  await store.wish(name, (wishes) => {
    return { ...wishes, postponed: wishes.postponed.filter((each) => each.step !== step) };
  });
  return `${step} may be done.`;
}
