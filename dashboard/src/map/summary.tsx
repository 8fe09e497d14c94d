import type { ComponentChildren } from 'preact';
import { progressOf } from '../edge/ladder.js';
import { countOf, countText, rateText } from '../format/number.js';
import { live } from '../live/live.js';
import { Meter } from '../ui/meter.js';
import type { Overview } from '../wire.js';

/** The migration in four figures. */
export function Summary({ overview }: { overview: Overview }) {
  const { edges, relays, subscribers } = overview;
  const progress = edges.reduce((sum, edge) => sum + progressOf(edge), 0) / edges.length;
  const off = edges.filter(({ stage }) => stage !== 'call').length;
  const ready = edges.filter(({ next }) => next?.outcome === 'pass').length;
  const calls = [...live.value.traffic.values()].reduce((sum, { perSecond }) => sum + perSecond, 0);
  const backlog = sumKnown(relays.map((relay) => relay.backlog));
  const parked = subscribers.reduce((sum, { parkedKeys }) => sum + parkedKeys, 0);
  const percent = `${Math.round(progress * 100)} %`;
  return (
    <dl class="figures">
      <Figure
        name="Of all ladders climbed"
        value={percent}
        detail={`${off} of ${countOf(edges.length, 'edge')} moved off the call`}
      >
        <Meter label="Of all ladders climbed" value={progress} max={1} text={percent} tone="good" />
      </Figure>
      <Figure name="Carried by edges" value={rateText(calls)} detail="calls and effects, all edges" />
      <Figure
        name="May advance"
        value={String(ready)}
        detail={`of ${countOf(edges.length, 'edge')}: their gates pass`}
      />
      <Figure
        name="Waiting"
        value={backlog === null ? '–' : countText(backlog)}
        detail={`events in outboxes; ${countOf(parked, 'key')} parked`}
        tone={parked > 0 ? 'warn' : 'plain'}
      />
    </dl>
  );
}

interface FigureProps {
  name: string;
  value: string;
  detail: string;
  tone?: 'plain' | 'warn' | 'bad';
  children?: ComponentChildren;
}

export function Figure({ name, value, detail, tone = 'plain', children }: FigureProps) {
  return (
    <div class={`figure figure-${tone}`}>
      <dt>{name}</dt>
      <dd>
        <span class="figure-value">{value}</span>
        <span class="figure-detail">{detail}</span>
        {children}
      </dd>
    </div>
  );
}

/** null: none of them is known. */
function sumKnown(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}
