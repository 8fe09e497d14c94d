import { useSignal } from '@preact/signals';
import { useResource } from '../api/resource.js';
import { countOf } from '../format/number.js';
import { live } from '../live/live.js';
import { PageHead } from '../shell/page-head.js';
import { Ago } from '../ui/ago.js';
import { Badge } from '../ui/badge.js';
import { Button } from '../ui/button.js';
import { Meter } from '../ui/meter.js';
import { Panel } from '../ui/panel.js';
import { Empty, Failure, Loading } from '../ui/state.js';
import type { PlanView, RunSummary } from '../wire.js';
import { RunDialog, type RunAction } from './run-dialog.js';
import { StepList } from './step-list.js';

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
      {data?.playbook && <Plan plan={data} onActed={refresh} />}
    </>
  );
}

/** Where the gateway has it from is of no use elsewhere: the file's name will do. */
const fileIn = (description: string): string =>
  /^\S*\/\S*$/.test(description) ? description.slice(description.lastIndexOf('/') + 1) : description;

function Plan({ plan: { steps, run }, onActed }: { plan: PlanView; onActed: () => void }) {
  const done = steps.filter(({ state }) => state === 'done').length;
  const text = `${done} of ${countOf(steps.length, 'step')} done`;
  return (
    <Panel title="Steps" wide aside={<span class="muted">{text}</span>}>
      <Meter label="Steps done" value={done} max={steps.length} text={text} tone="good" />
      <Run run={run} onActed={onActed} />
      <StepList steps={steps} />
    </Panel>
  );
}

function Run({ run, onActed }: { run: RunSummary | null; onActed: () => void }) {
  const asked = useSignal<RunAction | null>(null);
  if (run === null) {
    return (
      <p class="run muted">
        Nobody runs this plan. <code>banyan apply</code> does.
      </p>
    );
  }
  const action: RunAction = run.paused ? 'resume' : 'pause';
  return (
    <div class="run">
      <Badge tone={run.paused ? 'warn' : 'info'} icon={run.paused ? 'pause' : 'play'}>
        {run.state}
      </Badge>
      <span class="muted">
        by {run.by}, <Ago at={run.at} />
      </span>
      <Button
        icon={action === 'pause' ? 'pause' : 'play'}
        onClick={() => {
          asked.value = action;
        }}
      >
        {action === 'pause' ? 'Pause' : 'Resume'}
      </Button>
      {asked.value !== null && (
        <RunDialog
          action={asked.value}
          onDone={onActed}
          onClose={() => {
            asked.value = null;
          }}
        />
      )}
    </div>
  );
}
