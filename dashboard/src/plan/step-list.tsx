import { Link } from '../routing/link.js';
import { Ago } from '../ui/ago.js';
import { Badge, type Tone } from '../ui/badge.js';
import { Icon, type IconName } from '../ui/icon.js';
import { withArrows } from '../edge/edge-text.js';
import type { StepView } from '../wire.js';

const LOOKS: Readonly<Record<StepView['state'], readonly [IconName, Tone]>> = {
  todo: ['clock', 'neutral'],
  reached: ['check', 'neutral'],
  waiting: ['clock', 'warn'],
  soaking: ['clock', 'info'],
  running: ['play', 'info'],
  done: ['check', 'good'],
  undone: ['warning', 'bad'],
  failed: ['cross', 'bad'],
  postponed: ['skip', 'warn'],
};

/** The steps as they were written; several may be under way at once. */
export function StepList({ steps }: { steps: readonly StepView[] }) {
  return (
    <ol class="steps">
      {steps.map((step) => (
        <Step key={step.id} step={step} />
      ))}
    </ol>
  );
}

const WORDS: Partial<Record<StepView['state'], string>> = { todo: 'to do', undone: 'taken back' };

function Step({ step: { title, edge, state, at, by, how, missing = [] } }: { step: StepView }) {
  const [icon, tone] = LOOKS[state];
  const words = withArrows(title);
  return (
    <li class={`step step-${state}`}>
      <span class={`step-icon tone-${tone}`}>
        <Icon name={icon} size={14} />
      </span>
      <div class="step-body">
        <p>{edge === undefined ? words : <Link to={{ page: 'edge', edge }}>{words}</Link>}</p>
        {missing.length > 0 && (
          <ul class="step-missing">
            {missing.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        )}
      </div>
      <p class="step-state">
        <Badge tone={tone}>{WORDS[state] ?? state}</Badge>
        {at !== undefined && (
          <span class="muted">
            {how === 'found' && 'found so '}
            <Ago at={at} />
            {by !== undefined && ` by ${by}`}
          </span>
        )}
      </p>
    </li>
  );
}
