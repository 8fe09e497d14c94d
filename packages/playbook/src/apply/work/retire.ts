import {
  changeStage,
  LADDERS,
  parseEdge,
  planAdvance,
  type EdgeOverview,
  type TombstoneReport,
} from '@banyan/control';
import type { PlanAction, PlanEdge } from '../../plan/plan.js';
import { waiting, type Found, type StepContext } from '../found.js';

type Retire = Extract<PlanAction, { do: 'retire' }>;

/** The method's provider refuses the callers of its edges, once none of them has called for a time. */
export async function lookAtRetire(action: Retire, context: StepContext): Promise<Found> {
  const { world, plan } = context;
  const edges = [...plan.edges.values()].filter(({ method }) => method === action.method);
  for (const edge of edges) {
    const overview = await world.edge(edge.name);
    if (overview === undefined) return waiting(`no process reports ${edge.name}`);
    if (overview.stage === 'retired') {
      const late = overview.processes.filter(({ inForce }) => !inForce);
      if (late.length > 0)
        return waiting(`${late.map(({ instance }) => instance).join(', ')} does not run it yet`);
      continue;
    }
    const missing = await notQuiet(edge, action, context);
    if (missing !== undefined) return waiting(missing);
    if (overview.next?.outcome !== 'pass')
      return waiting(...(overview.next?.reasons ?? ['nothing is known of it']));
    return {
      kind: 'ready',
      why: `nobody on ${edge.name} has called`,
      act: () => retire(edge, overview, context),
    };
  }
  return { kind: 'done' };
}

/** Goes by what the provider's tombstones have seen since their processes started. */
async function notQuiet(
  { name }: PlanEdge,
  { method, quietMs }: Retire,
  { world, startedMs }: StepContext,
): Promise<string | undefined> {
  const { provider, caller, method: short } = parseEdge(name);
  const { reports } = await world.plane({});
  const stones = reports
    .filter(({ service }) => service === provider)
    .map(({ tombstones = [] }) => tombstones.find((each) => each.method.endsWith(`/${short}`)));
  if (stones.length === 0) return `no process of ${provider} reports`;
  if (stones.includes(undefined)) return `not every process of ${provider} has a tombstone for ${method}`;
  const last = Math.max(startedMs, ...stones.map((stone) => lastCall(stone, caller)));
  const leftMs = last + quietMs - Date.now();
  return leftMs <= 0
    ? undefined
    : `${method} must stay without a call of ${caller} for another ${Math.ceil(leftMs / 1000)} s`;
}

/** Callers that do not say who they are might be this one. */
function lastCall(stone: TombstoneReport | undefined, caller: string): number {
  const own = stone?.callers.filter((each) => each.caller === caller || each.caller === 'unknown') ?? [];
  return Math.max(0, ...own.map(({ lastAt }) => Date.parse(lastAt)));
}

async function retire(edge: PlanEdge, overview: EdgeOverview, context: StepContext): Promise<void> {
  const { world, plan, step, by, settings } = context;
  const { records } = await world.plane({});
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
