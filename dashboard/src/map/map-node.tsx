import { countOf } from '../format/number.js';
import { durationText } from '../format/duration.js';
import type { Overview } from '../wire.js';
import type { Box } from './layout.js';

export interface ServiceState {
  name: string;
  processes: number;
  relay: string;
  relayTone: 'good' | 'warn' | 'bad' | 'none';
  subscribers: string;
  subscribersTone: 'good' | 'warn' | 'bad' | 'none';
}

/** What the map says of a service beside its edges. */
export function serviceState(name: string, { services, relays, subscribers }: Overview): ServiceState {
  const own = subscribers.filter(({ service }) => service === name);
  const parked = own.reduce((sum, { parkedKeys }) => sum + parkedKeys, 0);
  const troubled = own.filter(({ state }) => state === 'halted' || state === 'down');
  const all = relays.filter(({ source }) => source === name);
  const leader = all.find(({ state }) => state === 'leading');
  const processes = services.find((each) => each.name === name)?.instances.length ?? 0;
  return {
    name,
    processes,
    ...relayState(all.length, leader),
    ...subscriberState(new Set(own.map((each) => each.name)).size, { parked, troubled: troubled.length }),
  };
}

function relayState(
  count: number,
  leader: Overview['relays'][number] | undefined,
): Pick<ServiceState, 'relay' | 'relayTone'> {
  if (count === 0) return { relay: 'no relay', relayTone: 'none' };
  if (leader === undefined) return { relay: 'relay: no leader', relayTone: 'bad' };
  const { backlog, lagMs } = leader;
  if (backlog === null) return { relay: 'relay leads', relayTone: 'good' };
  const lag = lagMs === null || backlog === 0 ? '' : `, ${durationText(lagMs)}`;
  return {
    relay: `backlog ${countOf(backlog, 'event')}${lag}`,
    relayTone: backlog > 1_000 ? 'warn' : 'good',
  };
}

function subscriberState(
  count: number,
  { parked, troubled }: { parked: number; troubled: number },
): Pick<ServiceState, 'subscribers' | 'subscribersTone'> {
  if (count === 0) return { subscribers: 'no subscriber', subscribersTone: 'none' };
  if (troubled > 0)
    return { subscribers: `${countOf(troubled, 'subscriber')} halted`, subscribersTone: 'bad' };
  if (parked > 0) return { subscribers: `${countOf(parked, 'key')} parked`, subscribersTone: 'warn' };
  return { subscribers: countOf(count, 'subscriber'), subscribersTone: 'good' };
}

export function MapNode({ box, state }: { box: Box; state: ServiceState }) {
  const left = box.x - box.width / 2;
  const top = box.y - box.height / 2;
  const away = state.processes === 0;
  return (
    <g class={away ? 'map-node away' : 'map-node'} transform={`translate(${left} ${top})`}>
      <rect width={box.width} height={box.height} rx={12} />
      <text class="node-name" x={16} y={30}>
        {state.name}
      </text>
      <text class="node-processes" x={box.width - 16} y={30} text-anchor="end">
        {away ? 'not heard of' : countOf(state.processes, 'process', 'processes')}
      </text>
      <Fact tone={state.relayTone} text={state.relay} y={box.height - 42} />
      <Fact tone={state.subscribersTone} text={state.subscribers} y={box.height - 19} />
    </g>
  );
}

function Fact({ tone, text, y }: { tone: ServiceState['relayTone']; text: string; y: number }) {
  return (
    <>
      <circle class={`node-dot tone-${tone}`} cx={20} cy={y - 4} r={3.5} />
      <text class="node-fact" x={31} y={y}>
        {text}
      </text>
    </>
  );
}
