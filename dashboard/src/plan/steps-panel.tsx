import { Meter } from '../ui/meter.js';
import { Panel } from '../ui/panel.js';
import type { OtherRun, PlanView } from '../wire.js';
import { fileIn, progressOf } from './plan-text.js';
import { RunLine } from './run-line.js';
import { StepList } from './step-list.js';

interface StepsPanelProps {
  plan: PlanView;
  onActed: () => void;
}

/** The playbook's steps, and who walks them. */
export function StepsPanel({ plan: { steps, run, otherRun }, onActed }: StepsPanelProps) {
  const { value, text } = progressOf(steps);
  return (
    <Panel title="Steps" wide aside={<span class="muted">{text}</span>}>
      <Meter label="Steps done or reached" value={value} max={steps.length} text={text} tone="good" />
      {run !== null && <RunLine run={run} onActed={onActed} />}
      {run === null && (
        <p class="run-note muted">
          {otherRun === null ? 'Nobody runs this plan.' : 'Nobody runs this version of the plan.'}{' '}
          <code>banyan apply</code> does.
        </p>
      )}
      {steps.some(({ state }) => state === 'reached') && (
        <p class="run-note muted">
          Reached: it is so already, though no run of this plan has come to it. A run will find it done.
        </p>
      )}
      {steps.some(({ state }) => state === 'undone') && (
        <p class="run-note muted">
          Taken back: the run had made it, and its edge stands lower since. <code>banyan apply</code> walks it
          up again, once it has said so.
        </p>
      )}
      <StepList steps={steps} />
    </Panel>
  );
}

/** A run of another version of the playbook: what it walks is not what is written now. */
export function OtherRunPanel({ other, onActed }: { other: OtherRun; onActed: () => void }) {
  const { playbook, steps, run } = other;
  const { value, text } = progressOf(steps);
  return (
    <Panel title="Run of another version" wide aside={<span class="muted">{text}</span>}>
      <p class="run-note">
        The last run of {playbook.name} walked another version of this playbook:{' '}
        {fileIn(playbook.description)}, <code>{playbook.digest}</code>. The gateway was started with the one
        below.
      </p>
      <Meter
        label="Steps of the other version done"
        value={value}
        max={steps.length}
        text={text}
        tone="good"
      />
      <RunLine run={run} onActed={onActed} />
      <details>
        <summary>Its {steps.length} steps</summary>
        <StepList steps={steps} />
      </details>
    </Panel>
  );
}
