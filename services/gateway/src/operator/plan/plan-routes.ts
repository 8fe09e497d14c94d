import { AuditLog, readRuns, RunStore } from '@banyan/control';
import { Type } from 'typebox';
import { ProblemError } from '../../problem/problem.js';
import type { Api } from '../../rest/type-provider.js';
import { described } from '../described.js';
import type { OperatorDesk } from '../operator-desk.js';
import { asked } from '../operator-problem.js';
import { Reason } from '../reason.js';
import type { PlanView } from '../wire.js';
import { planView, runToShow } from './plan-view.js';

const Why = Type.Object({ reason: Reason }, { additionalProperties: false });

/** The playbook, how far it is, and a hand on its brake. */
export function planRoutes(api: Api, desk: OperatorDesk): void {
  const look = described('plan', 'The steps of the playbook, which are reached, and how the run stands.');
  api.get('/plan', { schema: look }, () => asked(() => viewOf(desk)));

  for (const [action, summary] of [
    ['pause', 'The run stops before its next step.'],
    ['resume', 'The run may go on.'],
  ] as const) {
    const schema = { ...described('plan', summary), body: Why };
    api.post(`/plan/${action}`, { schema }, ({ body, operator }) =>
      asked(() => wish(desk, action, { by: operator.name, why: body.reason })),
    );
  }
}

async function viewOf({ connection, plan, planLook }: OperatorDesk): Promise<PlanView> {
  const run = runToShow(await readRuns(connection), plan);
  return planView({ run, plan, standings: await planLook.standings(connection, run) });
}

/** In the audit log first, so that nothing is done without. */
async function wish(
  desk: OperatorDesk,
  action: 'pause' | 'resume',
  { by, why }: { by: string; why: string },
): Promise<PlanView> {
  const { connection, plan } = desk;
  const run = runToShow(await readRuns(connection), plan);
  if (run === undefined) throw noRun();
  const at = new Date().toISOString();
  await new AuditLog(connection).append({ kind: 'run', about: run.playbook, by, why, to: action });
  const store = await RunStore.open(connection);
  await store.wish(run.playbook, (wishes) => ({ ...wishes, paused: action === 'pause' ? { by, at } : null }));
  return viewOf(desk);
}

function noRun(): ProblemError {
  return new ProblemError({
    status: 404,
    code: 'NO_RUN',
    detail: 'no playbook was applied yet',
    remedy: 'Begin with `banyan apply`.',
  });
}
