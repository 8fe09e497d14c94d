import type { ComponentChildren } from 'preact';
import { OUTCOME_TEXT, stageText } from '../edge/edge-text.js';
import type { EdgeOverview, GateVerdict, Stage } from '../wire.js';
import { Icon, type IconName } from './icon.js';

export type Tone = 'neutral' | 'good' | 'warn' | 'bad' | 'info';

export function Badge({
  tone = 'neutral',
  icon,
  children,
}: {
  tone?: Tone;
  icon?: IconName;
  children: ComponentChildren;
}) {
  return (
    <span class={`badge tone-${tone}`}>
      {icon !== undefined && <Icon name={icon} size={12} />}
      {children}
    </span>
  );
}

/** The sample is the stage's line on the map, so that the colour does not stand alone. */
export function StageLine({ stage }: { stage: Stage }) {
  return (
    <svg class={`stage-line stage-${stage}`} width="26" height="8" viewBox="0 0 26 8" aria-hidden="true">
      <path class="line" d="M1 4H25" />
      <path class="line-inner" d="M1 4H25" />
    </svg>
  );
}

export function StageBadge({ edge }: { edge: Pick<EdgeOverview, 'stage' | 'ramp'> }) {
  return (
    <span class={`badge stage-badge stage-${edge.stage}`}>
      <StageLine stage={edge.stage} />
      {stageText(edge)}
    </span>
  );
}

export function KindBadge({ kind }: { kind: EdgeOverview['kind'] }) {
  return <Badge icon={kind}>{kind}</Badge>;
}

const OUTCOMES: Readonly<Record<GateVerdict['outcome'], readonly [Tone, IconName]>> = {
  pass: ['good', 'check'],
  fail: ['bad', 'cross'],
  'not-enough': ['warn', 'clock'],
};

export function OutcomeBadge({ outcome }: { outcome: GateVerdict['outcome'] }) {
  const [tone, icon] = OUTCOMES[outcome];
  return (
    <Badge tone={tone} icon={icon}>
      {OUTCOME_TEXT[outcome]}
    </Badge>
  );
}
