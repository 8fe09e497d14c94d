import { stageText } from './edge-text.js';
import { rungsOf } from './ladder.js';
import type { EdgeOverview } from '../wire.js';

/** The ladder in a line: a segment a rung, those that are done filled. */
export function LadderLine({ edge }: { edge: EdgeOverview }) {
  const rungs = rungsOf(edge);
  const here = rungs.findIndex(({ state }) => state === 'current');
  return (
    <span
      class={`ladder-line stage-${edge.stage}`}
      role="img"
      aria-label={`Rung ${here + 1} of ${rungs.length}: ${stageText(edge)}`}
    >
      {rungs.map(({ stage, state, share }) => (
        <span
          key={stage}
          class={`ladder-segment ${state}${share !== undefined && state === 'current' ? ' partly' : ''}`}
          title={stage}
        />
      ))}
    </span>
  );
}
