import { partsOf } from '../edge/edge-text.js';
import { edges, overview } from '../live/live.js';
import { Link } from '../routing/link.js';
import { Icon } from '../ui/icon.js';
import { PLACES, type Place } from './places.js';

export function Navigation() {
  return (
    <nav class="nav" aria-label="Pages">
      <ul>
        {PLACES.map((place) => (
          <li key={place.name}>
            <Link to={place.to} class="nav-link">
              <Icon name={place.icon} />
              <span>{place.name}</span>
              <Count place={place} />
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** What waits for a person there. */
function Count({ place }: { place: Place }) {
  const now = overview.value;
  if (now === null || place.to.page !== 'subscribers') return null;
  const parked = now.subscribers.reduce((sum, { parkedKeys }) => sum + parkedKeys, 0);
  if (parked === 0) return null;
  return (
    <span class="nav-count">
      {parked}
      <span class="for-ears"> parked keys</span>
    </span>
  );
}

export function EdgeNavigation() {
  if (edges.value.length === 0) return null;
  return (
    <nav class="nav nav-edges" aria-label="Edges">
      <h2>Edges</h2>
      <ul>
        {edges.value.map(({ edge, stage }) => {
          const { caller, provider, method } = partsOf(edge);
          return (
            <li key={edge}>
              <Link to={{ page: 'edge', edge }} class={`nav-link stage-${stage}`}>
                <span class="nav-stage" aria-hidden="true" />
                <span class="nav-edge">
                  <span class="nav-method">{method}</span>
                  <span class="nav-ends">
                    {caller} → {provider}
                  </span>
                </span>
                <span class="for-ears">{stage}</span>
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
