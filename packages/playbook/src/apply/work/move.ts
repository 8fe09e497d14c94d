import {
  changeStage,
  LADDERS,
  planShareDown,
  planShareUp,
  type EdgeOverview,
  type Ladder,
  type ShareMove,
} from '@banyan/control';
import { isBanyanError } from '@banyan/runtime';
import type { ControlPlane } from '../../control-plane.js';
import { refuseForeign, refuseKeyless } from '../../may-move.js';
import { edgeOf } from '../../plan/rules/ladder.js';
import type { PlanAction } from '../../plan/plan.js';
import { termsOf } from '../gate-terms.js';
import { compare, standingOf, targetOf } from '../drift.js';
import { waiting, type Found, type StepContext } from '../found.js';

type Move = Extract<PlanAction, { do: 'advance' | 'back' }>;

/** Up once the gate passes, or down; done when every process runs it and it has soaked. */
export async function lookAtMove(action: Move, context: StepContext): Promise<Found> {
  const { world, plan, step, settings } = context;
  const plane = await world.plane(() => termsOf(step, settings.gate));
  const edge = plane.edges.find((each) => each.edge === action.edge);
  if (edge === undefined) return waiting(`no process reports ${action.edge}`);
  const { kind } = edgeOf(plan, action.edge);
  const target = targetOf(step);
  if (target !== undefined && edge.change > 0 && compare(kind, standingOf(edge), target) === 0)
    return settled(edge, action.soakMs);
  if (edge.ladder === null) return waiting('no process reports it, so its stages are not known');
  return refusals(() => movable(action, { edge, ladder: edge.ladder ?? LADDERS[kind], plane, context }));
}

interface Moving {
  edge: EdgeOverview;
  ladder: Ladder;
  plane: ControlPlane;
  context: StepContext;
}

function movable(action: Move, moving: Moving): Found {
  const { edge, ladder } = moving;
  refuseForeign(edge);
  if (action.do === 'back') {
    const to = planShareDown({ ...edge, ladder }, action);
    return { kind: 'ready', why: 'a drill', act: () => make(to, moving) };
  }
  const to = planShareUp({ ...edge, ladder }, action);
  refuseKeyless(edge, to.share);
  const gate = edge.next ?? { outcome: 'not-enough' as const, reasons: ['nothing is known of the edge'] };
  if (gate.outcome === 'pass')
    return { kind: 'ready', why: gate.reasons.join('; '), act: () => make(to, moving) };
  if (gate.outcome === 'not-enough') return { kind: 'waiting', missing: gate.reasons };
  return { kind: 'failed', why: `its gate fails: ${gate.reasons.join('; ')}. ${wayBack(edge)}` };
}

/** What an operator can do about a gate that fails. */
function wayBack({ edge, stage, ladder }: EdgeOverview): string {
  const look = `\`banyan evidence "${edge}"\` shows what was measured`;
  return ladder?.[0] === stage
    ? `It stands at ${stage}, its lowest stage; ${look}.`
    : `It stays at ${stage}; \`banyan back "${edge}" --yes\` takes it back, ${look}.`;
}

async function make(to: ShareMove, { edge, plane, context }: Moving): Promise<void> {
  const { world, plan, step, by, settings } = context;
  const { next } = edge;
  await changeStage(world.connection, {
    edge: edge.edge,
    kind: edgeOf(plan, edge.edge).kind,
    ...to,
    by,
    why: `playbook ${plan.name}: ${step.key}`,
    expected: plane.records.find((record) => record.edge === edge.edge)?.changeId,
    timeoutMs: settings.timeoutMs,
    ...(step.action.do === 'advance' && next !== null ? { evidence: next } : {}),
  });
}

/** It stands where the step leads: is it in force everywhere, and has it soaked? */
function settled({ processes, since, changeId }: EdgeOverview, soakMs: number): Found {
  if (processes.length === 0) return { kind: 'waiting', missing: ['no process reports it'], changeId };
  const late = processes.filter(({ inForce }) => !inForce);
  if (late.length > 0) {
    const missing = late.map(({ instance, trip }) =>
      trip === undefined
        ? `${instance} does not run it yet`
        : `the guard of ${instance} has tripped: ${trip.cause}`,
    );
    return { kind: 'waiting', missing, changeId };
  }
  const untilMs = (since === null ? 0 : Date.parse(since)) + soakMs;
  return untilMs > Date.now() ? { kind: 'soaking', untilMs, changeId } : { kind: 'done', changeId };
}

/** What the edge's processes cannot do at all is no matter of waiting. */
function refusals(plan: () => Found): Found {
  try {
    return plan();
  } catch (error) {
    if (!isBanyanError(error)) throw error;
    return { kind: 'failed', why: `${error.rawMessage}. ${error.remedy}` };
  }
}
