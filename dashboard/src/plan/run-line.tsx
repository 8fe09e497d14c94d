import { useSignal } from '@preact/signals';
import { Ago } from '../ui/ago.js';
import { Badge } from '../ui/badge.js';
import { Button } from '../ui/button.js';
import type { RunSummary } from '../wire.js';
import { RunDialog, type RunAction } from './run-dialog.js';

/** Who walks, how it is, and a hand on its brake. */
export function RunLine({ run, onActed }: { run: RunSummary; onActed: () => void }) {
  const asked = useSignal<RunAction | null>(null);
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
