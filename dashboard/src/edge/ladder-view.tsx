import { OutcomeBadge } from '../ui/badge.js';
import { Icon } from '../ui/icon.js';
import type { EdgeOverview } from '../wire.js';
import { STAGE_MEANING } from './edge-text.js';
import { rungsOf, type Rung } from './ladder.js';

/** The ladder, with where the edge stands, for how many of its keys, and what it may go to. */
export function LadderView({ edge }: { edge: EdgeOverview }) {
  return (
    <ol class="ladder" aria-label="Ladder">
      {rungsOf(edge).map((rung) => (
        <RungItem key={rung.stage} rung={rung} edge={edge} />
      ))}
    </ol>
  );
}

function RungItem({ rung, edge }: { rung: Rung; edge: EdgeOverview }) {
  const { stage, state, share, supported } = rung;
  return (
    <li
      class={`rung rung-${state} stage-${stage}`}
      aria-current={state === 'current' ? 'step' : undefined}
      title={STAGE_MEANING[edge.kind][stage]}
    >
      <span class="rung-mark">{state === 'passed' && <Icon name="check" size={12} />}</span>
      <span class="rung-name">{stage}</span>
      {share !== undefined && (
        <span class="rung-share">
          {share} % of {edge.rampBy === null ? 'the keys' : `the ${edge.rampBy}s`}
        </span>
      )}
      {!supported && <span class="rung-share">not supported by all processes</span>}
      {edge.next?.stage === stage && <OutcomeBadge outcome={edge.next.outcome} />}
    </li>
  );
}
