import { useSignal } from '@preact/signals';
import { Ago } from '../ui/ago.js';
import { Badge, type Tone } from '../ui/badge.js';
import { Button } from '../ui/button.js';
import type { IconName } from '../ui/icon.js';
import type { RunSummary } from '../wire.js';
import { RunDialog, type RunAction } from './run-dialog.js';

/** Who walks, how it is, and a hand on its brake. */
export function RunLine({ run, onActed }: { run: RunSummary; onActed: () => void }) {
  const asked = useSignal<RunAction | null>(null);
  const action: RunAction = run.paused ? 'resume' : 'pause';
  return (
    <div class="run">
      <RunBadge run={run} />
      <span class="muted">
        by {run.by}, <Ago at={run.at} />
      </span>
      {(run.paused || run.state !== 'done') && (
        <Button
          icon={action === 'pause' ? 'pause' : 'play'}
          onClick={() => {
            asked.value = action;
          }}
        >
          {action === 'pause' ? 'Pause' : 'Resume'}
        </Button>
      )}
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

function RunBadge({ run: { paused, state } }: { run: RunSummary }) {
  const [tone, icon] = paused ? (['warn', 'pause'] as const) : (LOOKS[state] ?? (['info', 'play'] as const));
  return (
    <Badge tone={tone} icon={icon}>
      {state}
    </Badge>
  );
}

const LOOKS: Readonly<Record<string, readonly [Tone, IconName]>> = {
  done: ['good', 'check'],
  failed: ['bad', 'cross'],
  stopped: ['bad', 'warning'],
  waiting: ['warn', 'clock'],
};
