import type { RehearsalRecord } from '@banyan/control';
import type { PlanAction } from '../../plan/plan.js';
import { rehearse } from '../../rehearse/rehearse.js';
import { rehearsalText } from '../../rehearse/show-rehearsal.js';
import { waiting, type Found, type StepContext } from '../found.js';

/** After a rehearsal that had too few calls, the next one begins so much later, in ms. */
const AGAIN_MS = 5_000;

/** Done if the edge has held without its provider under the change that is in force, whoever had it rehearsed. */
export async function lookAtRehearsal(
  { edge: name, forMs, budget }: Extract<PlanAction, { do: 'rehearse' }>,
  context: StepContext,
): Promise<Found> {
  const { world, by, settings, signal, startedMs } = context;
  const { maxErrors = settings.maxErrors, minCalls = settings.minCalls } = budget;
  const edge = await world.edge(name);
  if (edge === undefined || edge.processes.length === 0) return waiting(`no process reports ${name}`);
  const last = await world.rehearsalOf(name);
  // One that somebody held for a shorter time, or by a wider budget, shows less than is asked for.
  const isOfNow = last?.changeId === edge.changeId && last.forMs >= forMs && last.maxErrors <= maxErrors;
  if (last !== undefined && isOfNow && last.outcome === 'passed' && last.calls >= minCalls)
    return { kind: 'done' };
  const ownMs =
    last !== undefined && isOfNow && Date.parse(last.at) >= startedMs ? Date.parse(last.at) : undefined;
  if (last !== undefined && ownMs !== undefined) {
    if (last.outcome === 'failed') return { kind: 'failed', why: failureText(last) };
    if (ownMs + AGAIN_MS > Date.now()) return waiting(rehearsalText(last));
  }
  const act = async (): Promise<void> => {
    await rehearse({ connection: world.connection, edge: name, forMs, maxErrors, minCalls, by, signal });
  };
  return { kind: 'ready', why: `nobody has seen it hold at ${edge.stage}`, act };
}

function failureText(last: RehearsalRecord): string {
  return `${rehearsalText(last)}. It stays at ${last.stage}, and its provider answers again; \`banyan back "${last.edge}" --yes\` takes it back.`;
}
