import { useResource } from '../api/resource.js';
import { live } from '../live/live.js';
import { PageHead } from '../shell/page-head.js';
import { Empty, Failure, Loading } from '../ui/state.js';
import type { PlanView } from '../wire.js';
import { fileIn } from './plan-text.js';
import { OtherRunPanel, StepsPanel } from './steps-panel.js';

const EVERY_MS = 3_000;

export function PlanPage() {
  const newest = live.value.audit[0]?.id;
  const { data, problem, refresh } = useResource<PlanView>('/plan', { everyMs: EVERY_MS, version: newest });
  return (
    <>
      <PageHead title={data?.playbook?.name ?? 'Plan'}>{fileIn(data?.playbook?.description ?? '')}</PageHead>
      {problem !== null && <Failure problem={problem} />}
      {data === null && problem === null && <Loading what="the plan" lines={6} />}
      {data?.playbook === null && (
        <Empty icon="plan" title="No plan is known">
          Run one with <code>banyan apply</code>, or start the gateway with a playbook.
        </Empty>
      )}
      {data?.otherRun && <OtherRunPanel other={data.otherRun} onActed={refresh} />}
      {data?.playbook && <StepsPanel plan={data} onActed={refresh} />}
    </>
  );
}
