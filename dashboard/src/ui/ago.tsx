import { absoluteText, agoText } from '../format/time.js';
import { gatewayNowMs } from './clock.js';

/** How long ago, with the time itself as its title. */
export function Ago({ at }: { at: string | number }) {
  const atMs = typeof at === 'number' ? at : Date.parse(at);
  if (Number.isNaN(atMs)) return <span>at an unknown time</span>;
  return (
    <time dateTime={new Date(atMs).toISOString()} title={absoluteText(atMs)}>
      {agoText(atMs, gatewayNowMs.value)}
    </time>
  );
}
