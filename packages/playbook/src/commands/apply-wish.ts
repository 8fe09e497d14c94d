import { readRuns, RunStore } from '@banyan/control';
import { BanyanError } from '@banyan/runtime';
import { postponeSteps } from '../apply/apply-plan.js';
import { findStep, keyedSteps } from '../apply/keyed-steps.js';
import { runLines } from '../apply/show-run.js';
import { EXIT } from '../exit-code.js';
import type { ApplyContext } from './apply-context.js';

export type WishName = 'status' | 'pause' | 'resume' | 'postpone' | 'release';

/** Does one of these, and shows how the run stands. */
export async function wish(what: WishName, context: ApplyContext, written?: string): Promise<void> {
  const { plan, connection, options, surroundings } = context;
  const { terminal, ended } = surroundings;
  const said = what === 'status' ? undefined : await make(what, context, written);
  const run = (await readRuns(connection)).find(({ playbook }) => playbook === plan.name);
  if (options.json === true) terminal.out(JSON.stringify({ ok: true, run: run ?? null }));
  else if (said !== undefined) terminal.out(said);
  else if (run === undefined) terminal.out(`${plan.name} was never applied: \`banyan apply\``);
  else for (const line of runLines(run, Date.now())) terminal.out(line);
  ended(what !== 'status' || run?.state === 'done' ? EXIT.done : EXIT.notYet);
}

/** What it says of it. */
async function make(
  what: Exclude<WishName, 'status'>,
  { plan, connection, by }: ApplyContext,
  written = '',
): Promise<string> {
  const store = await RunStore.open(connection);
  const { name } = plan;
  if (what === 'pause') {
    const at = new Date().toISOString();
    await store.wish(name, ({ postponed }) => ({ postponed, paused: { by, at } }));
    return `${name} stops before its next step. \`banyan apply resume\` lets it go on.`;
  }
  if (what === 'resume') {
    await store.wish(name, ({ postponed }) => ({ postponed, paused: null }));
    return `${name} may go on; if nobody is at it any more: \`banyan apply --yes\`.`;
  }
  const { key } = findStep(keyedSteps(plan), written);
  if (what === 'postpone') {
    await postponeSteps(store, name, { steps: [key], by });
    return `${key} waits until it is released: banyan apply release "${key}"`;
  }
  const { postponed } = await store.wishes(name);
  if (!postponed.some(({ step }) => step === key))
    throw new BanyanError('BANYAN_STEP_UNKNOWN', `${key} is not postponed`);
  await store.wish(name, (wishes) => ({
    ...wishes,
    postponed: wishes.postponed.filter(({ step }) => step !== key),
  }));
  return `${key} may be done.`;
}
