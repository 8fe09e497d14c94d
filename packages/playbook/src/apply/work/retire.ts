import { changeStage, LADDERS, planAdvance, type EdgeOverview, type SeenCall } from '@banyan/control';
import type { PlanAction, PlanEdge } from '../../plan/plan.js';
import { askQuiet } from '../../quiet/ask-quiet.js';
import { waiting, type Found, type StepContext } from '../found.js';

type Retire = Extract<PlanAction, { do: 'retire' }>;

/** The method's provider refuses the callers of its edges, once none of them has called for a time. */
export async function lookAtRetire(action: Retire, context: StepContext): Promise<Found> {
  const { plan } = context;
  const edges = [...plan.edges.values()].filter(({ method }) => method === action.method);
  for (const edge of edges) {
    const overview = await withoutProof(edge, context);
    if (overview === undefined) return waiting(`no process reports ${edge.name}`);
    if (overview.stage === 'retired') {
      const late = overview.processes.filter(({ inForce }) => !inForce);
      if (late.length > 0)
        return waiting(`${late.map(({ instance }) => instance).join(', ')} does not run it yet`);
      continue;
    }
    if (overview.next?.outcome !== 'pass')
      return waiting(...(overview.next?.reasons ?? ['nothing is known of it']));
    // Asking leaves a proof behind, so it is asked last, and not while the step has to wait all the same.
    if (context.isPostponed) return waiting('it is postponed');
    const missing = await notQuiet(edge, action, context);
    if (missing.length > 0) return waiting(...missing);
    return {
      kind: 'ready',
      why: `nobody on ${edge.name} has called`,
      act: () => retire(edge, overview, context),
    };
  }
  return { kind: 'done' };
}

/** What its gate asks besides quiet, which the step asks by itself. */
async function withoutProof(
  { name }: PlanEdge,
  { world, step }: StepContext,
): Promise<EdgeOverview | undefined> {
  const { edges } = await world.plane(() => ({ gate: { retireQuietMs: 0 }, from: step.key }));
  return edges.find(({ edge }) => edge === name);
}

/** Goes by the books of both sides; that nobody has called is recorded, as `banyan quiet` does. */
async function notQuiet(
  { name }: PlanEdge,
  { quietMs }: Retire,
  { world, by }: StepContext,
): Promise<string[]> {
  const { verdict } = await askQuiet(world.connection, { edge: name, forMs: quietMs, except: [], by });
  if (verdict.outcome === 'called') return verdict.calls.map(calledText);
  return verdict.outcome === 'not-enough' ? verdict.gaps.map(({ why }) => why) : [];
}

const calledText = ({ caller, agoMs, process }: SeenCall): string =>
  `${caller} called ${Math.round(agoMs / 1000)} s ago, as ${process} has booked`;

async function retire(edge: PlanEdge, overview: EdgeOverview, context: StepContext): Promise<void> {
  const { world, plan, step, by, settings } = context;
  const { records } = await world.plane();
  const { stage: from, ladder, next } = overview;
  await changeStage(world.connection, {
    edge: edge.name,
    kind: edge.kind,
    stage: planAdvance({ ladder: ladder ?? LADDERS[edge.kind], from, to: 'retired' }),
    from,
    by,
    why: `playbook ${plan.name}: ${step.key}`,
    expected: records.find((record) => record.edge === edge.name)?.changeId,
    timeoutMs: settings.timeoutMs,
    evidence: next,
  });
}
