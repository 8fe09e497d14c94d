import { StageLine } from '../ui/badge.js';
import { Icon } from '../ui/icon.js';
import type { Stage } from '../wire.js';

const QUERY: readonly Stage[] = ['call', 'cache', 'shadow', 'prefer-replica', 'replica', 'retired'];
const REACTION: readonly Stage[] = ['call', 'dual', 'event', 'retired'];

/** How each stage is drawn, lowest first. */
export function Legend() {
  return (
    <div class="legend" role="group" aria-label="Legend">
      <LegendRow kind="query" stages={QUERY} />
      <LegendRow kind="reaction" stages={REACTION} />
    </div>
  );
}

function LegendRow({ kind, stages }: { kind: 'query' | 'reaction'; stages: readonly Stage[] }) {
  return (
    <div class="legend-row">
      <span class="legend-kind">
        <Icon name={kind} size={14} />
        {kind}
      </span>
      {stages.map((stage) => (
        <span key={stage} class={`legend-stage stage-${stage}`}>
          <StageLine stage={stage} />
          {stage}
        </span>
      ))}
    </div>
  );
}
