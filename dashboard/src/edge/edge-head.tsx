import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { edgeKeys } from '../keyboard/shortcuts.js';
import { PageHead } from '../shell/page-head.js';
import { Ago } from '../ui/ago.js';
import { KindBadge, StageBadge } from '../ui/badge.js';
import { Button } from '../ui/button.js';
import type { EdgeOverview } from '../wire.js';
import { STAGE_MEANING, withArrows } from './edge-text.js';
import { stagesBelow } from './ladder.js';
import { MoveDialog } from './move-dialog.js';

export type Direction = 'advance' | 'back';

export function EdgeHead({ edge, onMoved }: { edge: EdgeOverview; onMoved: () => void }) {
  const asked = useSignal<{ direction: Direction; edge: EdgeOverview } | null>(null);
  // The edge as it is when it is asked: a change that comes meanwhile is refused, not overwritten.
  const open = (direction: Direction) => () => {
    asked.value = { direction, edge };
  };
  const up = edge.next === null ? null : open('advance');
  const down = stagesBelow(edge).length === 0 && edge.ramp === null ? null : open('back');
  useEffect(() => {
    edgeKeys.value = { advance: up, back: down };
    return () => {
      edgeKeys.value = null;
    };
  });
  return (
    <div class="edge-head">
      <PageHead title={withArrows(edge.edge)} />
      <div class="edge-facts">
        <KindBadge kind={edge.kind} />
        <StageBadge edge={edge} />
        <span class="muted">{STAGE_MEANING[edge.kind][edge.stage]}</span>
      </div>
      <p class="edge-why muted">
        {edge.since === null ? 'It was never moved.' : <Why edge={edge} since={edge.since} />}
      </p>
      <div class="edge-actions">
        <Button icon="down" hint="b" disabled={down === null} onClick={down ?? undefined}>
          Back
        </Button>
        <Button icon="up" hint="a" tone="primary" disabled={up === null} onClick={up ?? undefined}>
          {advanceText(edge)}
        </Button>
      </div>
      {asked.value !== null && (
        <MoveDialog
          {...asked.value}
          onMoved={onMoved}
          onClose={() => {
            asked.value = null;
          }}
        />
      )}
    </div>
  );
}

function advanceText({ next, ramp }: EdgeOverview): string {
  if (next === null) return 'Advance';
  return ramp === null ? `Advance to ${next.stage}` : 'Raise the share';
}

function Why({ edge: { change, by, why }, since }: { edge: EdgeOverview; since: string }) {
  return (
    <>
      Change {change}, <Ago at={since} /> by {by ?? 'unknown'}
      {why !== null && <>: “{why}”</>}
    </>
  );
}
