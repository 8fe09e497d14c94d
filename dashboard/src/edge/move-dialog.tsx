import { settingsText, withArrows } from './edge-text.js';
import { useSignal, type Signal } from '@preact/signals';
import { act } from '../session/session.js';
import { durationText } from '../format/duration.js';
import { countOf } from '../format/number.js';
import { ActionDialog } from '../ui/action-dialog.js';
import { OutcomeBadge, StageBadge } from '../ui/badge.js';
import { Icon } from '../ui/icon.js';
import { notify } from '../ui/notice.js';
import type { EdgeOverview, Stage, StageMoved } from '../wire.js';
import type { Direction } from './edge-head.js';
import { stagesBelow } from './ladder.js';
import { consequencesOf, shareIn } from './move-text.js';

export interface MoveDialogProps {
  edge: EdgeOverview;
  direction: Direction;
  onClose: () => void;
  onMoved: () => void;
}

/** Moves an edge a stage, with a reason, after saying what that means. */
export function MoveDialog(props: MoveDialogProps) {
  return props.direction === 'advance' ? <AdvanceDialog {...props} /> : <BackDialog {...props} />;
}

function AdvanceDialog({ edge, onClose, onMoved }: MoveDialogProps) {
  const force = useSignal(false);
  const typed = useSignal('');
  const { next } = edge;
  if (next === null) return null;
  const share = shareIn(typed.value);
  const passes = next.outcome === 'pass';
  const perform = async (reason: string): Promise<void> => {
    const wanted = { to: next.stage, reason, expectedChange: edge.change };
    const part = share === null || share === undefined ? {} : { share };
    await move(edge, 'advance', { ...wanted, ...part, ...(passes ? {} : { force: force.value }) });
    onMoved();
  };
  return (
    <ActionDialog
      title={edge.ramp === null ? `Advance to ${next.stage}` : `More keys to ${next.stage}`}
      confirm={passes ? 'Advance' : 'Force it'}
      busy="Changing …"
      tone={passes ? 'primary' : 'danger'}
      refused={share === undefined ? 'The share is no percentage.' : refusal(passes, force.value)}
      onClose={onClose}
      perform={perform}
    >
      <FromTo edge={edge} to={next.stage} share={share ?? null} />
      <div class="gate-verdict">
        <p>
          Gate <OutcomeBadge outcome={next.outcome} />
        </p>
        <ul>
          {next.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
        <p class="gate-settings muted">{settingsText(next)}</p>
      </div>
      {edge.kind === 'query' && edge.rampBy !== null && <ShareField typed={typed} by={edge.rampBy} />}
      {!passes && <ForceField force={force} />}
    </ActionDialog>
  );
}

const refusal = (passes: boolean, force: boolean): string | undefined =>
  passes || force ? undefined : 'The gate does not pass.';

function BackDialog({ edge, onClose, onMoved }: MoveDialogProps) {
  const below =
    edge.ramp === null
      ? stagesBelow(edge)
      : [edge.ramp.from, ...stagesBelow(edge).filter((each) => each !== edge.ramp?.from)];
  const to = useSignal<Stage | undefined>(below[0]);
  const target = to.value;
  if (target === undefined) return null;
  const perform = async (reason: string): Promise<void> => {
    await move(edge, 'back', { to: target, reason, expectedChange: edge.change });
    onMoved();
  };
  return (
    <ActionDialog
      title={`Back to ${target}`}
      confirm="Take it back"
      busy="Changing …"
      onClose={onClose}
      perform={perform}
    >
      <FromTo edge={edge} to={target} share={null} />
      {below.length > 1 && <StageChoice stages={below} to={to} />}
    </ActionDialog>
  );
}

async function move(edge: EdgeOverview, direction: Direction, wanted: object): Promise<void> {
  const moved = await act<StageMoved>(`/edges/${encodeURIComponent(edge.edge)}/${direction}`, wanted);
  notify(`${withArrows(edge.edge)}: ${movedText(moved)}`);
}

/** The change stands even where some process does not run it yet. */
function movedText({ from, to, inForceMs, inForce, missing }: StageMoved): string {
  const done = `${from} → ${to}, in force in ${countOf(inForce, 'process', 'processes')} after ${durationText(inForceMs)}`;
  return missing.length === 0
    ? done
    : `${done}; not yet in ${missing.map(({ process }) => process).join(', ')}`;
}

function FromTo({ edge, to, share }: { edge: EdgeOverview; to: Stage; share: number | null }) {
  const from = edge.ramp?.from ?? edge.stage;
  const ramp = share === null ? null : { from, share };
  return (
    <>
      <p class="from-to">
        <StageBadge edge={edge} />
        <Icon name="play" size={12} />
        <StageBadge edge={{ stage: to, ramp }} />
      </p>
      <ul class="consequences">
        {consequencesOf(edge, to, share).map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </>
  );
}

function ShareField({ typed, by }: { typed: Signal<string>; by: string }) {
  return (
    <label class="field field-short">
      <span>
        Share of the {by}s <em>(percent; empty: all)</em>
      </span>
      <input
        type="text"
        inputMode="decimal"
        placeholder="100"
        value={typed.value}
        onInput={({ currentTarget }) => {
          typed.value = currentTarget.value;
        }}
      />
    </label>
  );
}

function ForceField({ force }: { force: Signal<boolean> }) {
  return (
    <label class="check check-danger">
      <input
        type="checkbox"
        checked={force.value}
        onChange={({ currentTarget }) => {
          force.value = currentTarget.checked;
        }}
      />
      <span>Advance though the gate does not pass. The audit says so for good.</span>
    </label>
  );
}

function StageChoice({ stages, to }: { stages: readonly Stage[]; to: Signal<Stage | undefined> }) {
  return (
    <fieldset class="choice">
      <legend>To which stage</legend>
      {stages.map((stage) => (
        <label key={stage} class="check">
          <input
            type="radio"
            name="stage"
            checked={to.value === stage}
            onChange={() => {
              to.value = stage;
            }}
          />
          <span>{stage}</span>
        </label>
      ))}
    </fieldset>
  );
}
