import { countText } from '../format/number.js';
import { Meter } from '../ui/meter.js';
import { Panel } from '../ui/panel.js';
import { Empty } from '../ui/state.js';
import type { CacheCounts, QueryOverview } from '../wire.js';
import { currentEvidence, fallbacksOf } from './edge-figures.js';

/** Calls that the replica was to answer and did not, and what the cache did. */
export function FallbackPanel({ edge }: { edge: QueryOverview }) {
  const fallbacks = fallbacksOf(edge);
  const most = Math.max(0, ...fallbacks.map(({ calls }) => calls));
  const cache = currentEvidence(edge).find((each) => each.cache !== undefined)?.cache;
  return (
    <Panel title="Fallbacks">
      {fallbacks.length === 0 ? (
        <Empty title="None since the last change">The replica answered all that it was asked.</Empty>
      ) : (
        <ul class="bars">
          {fallbacks.map(({ reason, meaning, calls }) => (
            <li key={reason}>
              <span>
                <strong>{reason}</strong> <span class="muted">{meaning}</span>
              </span>
              <span class="number">{countText(calls)}</span>
              <Meter label={reason} value={calls} max={most} text={`${countText(calls)} calls`} tone="warn" />
            </li>
          ))}
        </ul>
      )}
      {cache !== undefined && <Cache cache={cache} />}
    </Panel>
  );
}

const CACHE_WORDS = {
  hits: 'answered by the cache',
  misses: 'asked the provider',
  shared: 'waited for another’s miss',
  refused: 'fills refused: invalidated meanwhile',
  tooLarge: 'too large to keep',
  bypassed: 'carry credentials, not cached',
  errors: 'cache away or damaged',
} as const satisfies Record<keyof CacheCounts, string>;

function Cache({ cache }: { cache: CacheCounts }) {
  const words = Object.entries(CACHE_WORDS) as [keyof CacheCounts, string][];
  return (
    <dl class="outcomes" aria-label="Cache">
      {words.map(([name, meaning]) => (
        <div key={name} class={cache[name] === 0 ? 'none' : ''}>
          <dt>{meaning}</dt>
          <dd>{countText(cache[name])}</dd>
        </div>
      ))}
    </dl>
  );
}
