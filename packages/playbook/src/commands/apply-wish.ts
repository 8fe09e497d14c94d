import { AuditLog, readRuns, RunStore } from '@banyan/control';
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
