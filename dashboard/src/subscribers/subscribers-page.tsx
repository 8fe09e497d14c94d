import { durationText } from '../format/duration.js';
import { countOf, countText, rateText } from '../format/number.js';
import { overview } from '../live/live.js';
import { PageHead } from '../shell/page-head.js';
import { Badge, type Tone } from '../ui/badge.js';
import { Panel } from '../ui/panel.js';
import { Empty, Loading } from '../ui/state.js';
import type { SubscriberRow } from '../wire.js';
import { ParkedKeys } from './parked-keys.js';

export function SubscribersPage() {
  const subscribers = overview.value?.subscribers;
  const parked = subscribers?.reduce((sum, { parkedKeys }) => sum + parkedKeys, 0);
  return (
    <>
      <PageHead title="Subscribers">
        They read streams and keep replicas, each at a position in its own database.
      </PageHead>
      {subscribers === undefined ? (
        <Loading what="subscribers" />
      ) : subscribers.length === 0 ? (
        <Empty icon="subscriber" title="No subscriber reports">
          A service reports its subscribers while it runs.
        </Empty>
      ) : (
        <Panel title="Positions" wide>
          <SubscriberTable rows={subscribers} />
        </Panel>
      )}
      <ParkedKeys version={parked} />
    </>
  );
}

function SubscriberTable({ rows }: { rows: readonly SubscriberRow[] }) {
  return (
    <div class="table-scroll">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Subscriber</th>
            <th scope="col">Reads</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Behind
            </th>
            <th scope="col" class="number">
              Age
            </th>
            <th scope="col" class="number">
              Rate
            </th>
            <th scope="col" class="number">
              Parked
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <SubscriberLine key={`${row.instance} ${row.name} ${row.source}`} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function SubscriberLine({ row }: { row: SubscriberRow }) {
  const { name, service, source, state, because, lagPositions, stalenessMs, rate, parkedKeys } = row;
  return (
    <tr>
      <th scope="row">
        {name} <span class="muted">in {service}</span>
      </th>
      <td data-label="Reads">{source}</td>
      <td data-label="State">
        <Badge tone={toneOf(state)}>{state}</Badge>
        {because !== undefined && <p class="because">{because}</p>}
      </td>
      <td class="number" data-label="Behind">
        {lagPositions === null ? '–' : countOf(lagPositions, 'position')}
      </td>
      <td class="number" data-label="Age">
        {stalenessMs === null ? '–' : durationText(stalenessMs)}
      </td>
      <td class="number" data-label="Rate">
        {rate === null ? '–' : rateText(rate)}
      </td>
      <td class="number" data-label="Parked">
        {parkedKeys === 0 ? '0' : <Badge tone="warn">{countText(parkedKeys)}</Badge>}
      </td>
    </tr>
  );
}

function toneOf(state: string): Tone {
  if (state === 'running') return 'good';
  if (state === 'standby' || state === 'starting') return 'info';
  return state === 'halted' || state === 'down' || state === 'stopped' ? 'bad' : 'neutral';
}
