import { readRuns } from '@banyan/control';
import { applyPlan, scopeOf, type Applied, type ApplyOptions } from '../apply/apply-plan.js';
import { keyedSteps, stepsIn } from '../apply/keyed-steps.js';
import { lookAtPlan, type StepStanding } from '../apply/reached.js';
import type { RunEvent } from '../apply/run-event.js';
import { runOf } from '../apply/run-log.js';
import { changedText, doneText, eventText, liveLine, stepLines } from '../apply/show-run.js';
import { World } from '../apply/world.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import { wantedOf, type ApplyContext } from './apply-context.js';
import { isWanted } from './command-options.js';

/** Says what there is to do, and walks if that was asked for: by --yes, or by a person at the terminal. */
export async function walk(context: ApplyContext): Promise<void> {
  const { options, surroundings } = context;
  const { terminal, ended } = surroundings;
  await preview(context);
  if (!(await isWanted(options, terminal))) {
    if (options.json !== true) terminal.out('Nothing was changed. Add --yes to do it.');
    ended(EXIT.notYet);
    return;
  }
  const applied = await applyPlan({ ...optionsOf(context), ...tellingTo(context) });
  if (options.json === true)
    terminal.out(JSON.stringify({ ok: codeOf(applied) !== EXIT.failed, ...applied }));
  else tellEnd(applied, context);
  ended(codeOf(applied));
}

const NOT_ASKED: ReadonlyMap<string, StepStanding> = new Map();

/** What would be done, and how far it is. */
async function preview({ plan, connection, options, surroundings, by }: ApplyContext): Promise<void> {
  const { terminal } = surroundings;
  const before = (await readRuns(connection)).find(({ playbook }) => playbook === plan.name);
  const all = keyedSteps(plan);
  const { record, changed } = runOf(plan, all, { before, by });
  const wanted = new Set(stepsIn(plan, all, scopeOf({ plan, ...wantedOf(options) })).map(({ key }) => key));
  const steps = record.steps.filter(({ key }) => wanted.has(key));
  const standings =
    options.yes === true
      ? NOT_ASKED
      : await lookAtPlan(plan, { world: new World(connection), by, run: record });
  if (options.json === true) {
    const stood = steps.map((step) => ({ ...step, reached: standings.get(step.key)?.reached === true }));
    const told = { ok: true, done: false, playbook: plan.name, changed: changed ?? null, steps: stood };
    if (options.yes !== true) terminal.out(JSON.stringify(told));
    return;
  }
  if (changed !== undefined) terminal.out(changedText({ kind: 'changed', changed }));
  if (options.yes !== true) for (const line of [...stepLines(steps, standings), '']) terminal.out(line);
  terminal.out(`${plan.name}: ${doneText({ steps })}`);
}

function optionsOf({ plan, connection, by, options, surroundings }: ApplyContext): ApplyOptions {
  const { postpone, wait, timeout, maxErrors, minCalls } = options;
  const signal = surroundings.terminal.interrupted?.();
  return {
    ...{ connection, plan, by, postpone, timeoutMs: timeout, maxErrors, minCalls },
    ...wantedOf(options),
    ...(wait === undefined ? {} : { waitMs: wait }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** Events as they come, and between them what it waits for, in place where somebody watches. */
function tellingTo({
  options,
  surroundings: { terminal },
}: ApplyContext): Pick<ApplyOptions, 'onEvent' | 'onLook'> {
  const say = (event: RunEvent): void => {
    const at = new Date().toISOString();
    if (options.json === true) terminal.out(JSON.stringify({ at, ...event }));
    // Where a line is shown in place, what it waits for is in it.
    else if (terminal.progress === undefined || event.kind !== 'waiting') {
      terminal.progress?.('');
      terminal.out(`${at} ${eventText(event)}`);
    }
  };
  if (options.json === true) return { onEvent: say };
  return { onEvent: say, onLook: (run) => terminal.progress?.(liveLine(run)) };
}

function tellEnd(applied: Applied, { plan, surroundings: { terminal } }: ApplyContext): void {
  terminal.progress?.('');
  terminal.out(`${plan.name}: ${applied.state}, ${doneText(applied.run)}`);
  if (applied.state === 'done') return;
  terminal.err(`${applied.state}: ${applied.why}`);
  const goOn = {
    waiting: GO_ON,
    failed: GO_ON,
    paused: '`banyan apply resume` lets it go on.',
    stopped: AGAIN,
  };
  terminal.err(goOn[applied.state]);
}

const GO_ON = '`banyan apply --yes` goes on from here.';
const AGAIN = 'Find out why. If it is to be walked up again from there: `banyan apply --yes` once more.';

function codeOf({ state }: Applied): ExitCode {
  if (state === 'done') return EXIT.done;
  return state === 'failed' || state === 'stopped' ? EXIT.failed : EXIT.notYet;
}
