import { percentText, countText } from '../format/number.js';
import { OutcomeBadge } from '../ui/badge.js';
import { Meter } from '../ui/meter.js';
import { Panel } from '../ui/panel.js';
import { Empty } from '../ui/state.js';
import { settingsText } from './edge-text.js';
import type { EdgeOverview, EdgeView, ParityRow } from '../wire.js';

/** What must hold before the edge advances, and how much of it is there. */
export function GatePanel({ edge, view }: { edge: EdgeOverview; view: EdgeView | null }) {
  const { next } = edge;
  if (next === null) {
    return (
      <Panel title="Gate">
        <Empty
          title={edge.ladder === null ? 'No process reports this edge' : 'It stands at the top of its ladder'}
        />
      </Panel>
    );
  }
  const more = edge.ramp === null ? '' : ` for more than ${edge.ramp.share} %`;
  return (
    <Panel title={`Gate to ${next.stage}${more}`} aside={<OutcomeBadge outcome={next.outcome} />}>
      <ul class={`reasons reasons-${next.outcome}`}>
        {next.reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      <p class="gate-settings muted">{settingsText(next)}</p>
      {asksParity(next.stage) && view?.parity.map((row) => <ParityMeter key={row.stratum ?? ''} row={row} />)}
      {next.stage === 'event' && view?.reactions && <ReactionMeter {...view.reactions} />}
    </Panel>
  );
}

const asksParity = (stage: string): boolean => stage === 'prefer-replica' || stage === 'replica';

function ParityMeter({ row }: { row: ParityRow }) {
  const { stratum, agreed, disagreed, needed, outcome, confidence, maxDisagreement } = row;
  const judged = agreed + disagreed;
  const name = stratum === null ? 'Parity' : `Parity of ${stratum}`;
  const text = outcome === 'not-enough' ? `${countText(needed)} more have to agree` : TOLD[outcome];
  return (
    <div class="gate-meter">
      <p>
        {name} <strong>{text}</strong>
      </p>
      <Meter label={name} value={judged} max={judged + needed} text={text} tone={TONES[outcome]} />
      <p class="muted">
        {countText(disagreed)} of {countText(judged)} disagree; at most {percentText(maxDisagreement)} may,
        with {percentText(confidence)} confidence
      </p>
    </div>
  );
}

const TOLD = { pass: 'shown', fail: 'refuted' } as const;
const TONES = { pass: 'good', fail: 'bad', 'not-enough': 'warn' } as const;

function ReactionMeter({ arrived, needed }: { arrived: number; needed: number }) {
  const text = `${countText(arrived)} of ${countText(needed)} effects have had their event`;
  return (
    <div class="gate-meter">
      <p>{text}</p>
      <Meter
        label="Events of effects"
        value={arrived}
        max={needed}
        text={text}
        tone={arrived >= needed ? 'good' : 'warn'}
      />
    </div>
  );
}
