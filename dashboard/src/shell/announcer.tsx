import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { stageText } from '../edge/edge-text.js';
import { edges } from '../live/live.js';
import type { EdgeOverview } from '../wire.js';

const said = signal('');
let changes = new Map<string, string>();

/** Says each change of a stage to who does not see the map. */
export function Announcer() {
  const now = edges.value;
  useEffect(() => {
    const moved = now.filter(({ edge, changeId }) => changes.has(edge) && changes.get(edge) !== changeId);
    changes = new Map(now.map(({ edge, changeId }) => [edge, changeId]));
    if (moved.length > 0) said.value = moved.map(spoken).join('. ');
  }, [now]);
  return (
    <div class="for-ears" role="status" aria-live="polite">
      {said.value}
    </div>
  );
}

const spoken = (edge: EdgeOverview): string => `${edge.edge} is at ${stageText(edge)}`;
