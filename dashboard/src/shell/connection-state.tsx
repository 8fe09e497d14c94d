import { live, overview } from '../live/live.js';
import { durationText } from '../format/duration.js';
import { nowMs } from '../ui/clock.js';

/** Whether what is shown is of now, and if not, of when. */
export function ConnectionState() {
  const { connection } = live.value;
  const brokerAway = overview.value?.broker.connected === false;
  if (connection === 'live' && !brokerAway) return <p class="connection live">Live</p>;
  if (connection === 'connecting') return <p class="connection waiting">Connecting …</p>;
  return <p class="connection lost">{connection === 'lost' ? 'Disconnected' : 'Broker away'}</p>;
}

/** Above the page for as long as it shows the past. */
export function LostBanner() {
  const { connection, heardAtMs } = live.value;
  const broker = overview.value?.broker;
  if (connection === 'lost') return <Banner>{lostText(heardAtMs, nowMs.value)}</Banner>;
  if (broker?.connected === false) {
    return (
      <Banner>
        The gateway has lost NATS at {broker.url}. Stages, positions and reports are those it knew last.
      </Banner>
    );
  }
  return null;
}

const Banner = ({ children }: { children: preact.ComponentChildren }) => (
  <div class="banner" role="status">
    {children}
  </div>
);

export function lostText(heardAtMs: number | null, now: number): string {
  if (heardAtMs === null) return 'The gateway does not answer. Trying again …';
  return `The gateway does not answer. Last seen ${durationText(Math.max(1_000, now - heardAtMs))} ago. Trying again …`;
}
