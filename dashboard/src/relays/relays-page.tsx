import { durationText } from '../format/duration.js';
import { countOf, rateText } from '../format/number.js';
import { overview } from '../live/live.js';
import { PageHead } from '../shell/page-head.js';
import { Ago } from '../ui/ago.js';
import { Badge, type Tone } from '../ui/badge.js';
import { Panel } from '../ui/panel.js';
import { Empty, Loading } from '../ui/state.js';
import type { RelayRow } from '../wire.js';

export function RelaysPage() {
  const relays = overview.value?.relays;
  return (
    <>
      <PageHead title="Relays">
        They move each source’s outbox into its stream. One leads, the others stand by.
      </PageHead>
      {relays === undefined ? (
        <Loading what="relays" />
      ) : relays.length === 0 ? (
        <Empty icon="relay" title="No relay answers">
          Events wait in the outboxes until one does. <code>banyan doctor</code> looks for the reason.
        </Empty>
      ) : (
        bySource(relays).map(([source, rows]) => <Source key={source} source={source} rows={rows} />)
      )}
    </>
  );
}

/** Sources by name, of each the leader first. */
function bySource(relays: readonly RelayRow[]): [string, RelayRow[]][] {
  const sources = [...new Set(relays.map(({ source }) => source))].sort();
  const leads = (relay: RelayRow): number => (isLeader(relay) ? 0 : 1);
  return sources.map((source) => [
    source,
    relays.filter((relay) => relay.source === source).sort((a, b) => leads(a) - leads(b)),
  ]);
}

const isLeader = ({ state }: RelayRow): boolean => state === 'leading';

function Source({ source, rows }: { source: string; rows: readonly RelayRow[] }) {
  const leader = rows.find(isLeader);
  return (
    <Panel
      title={source}
      wide
      aside={
        leader === undefined ? (
          <Badge tone="bad" icon="cross">
            no leader
          </Badge>
        ) : undefined
      }
    >
      {leader !== undefined && <Leader relay={leader} />}
      <div class="table-scroll">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Process</th>
              <th scope="col">State</th>
              <th scope="col">Position</th>
              <th scope="col">Because</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((relay) => (
              <tr key={relay.instance}>
                <th scope="row">
                  <code>{relay.instance}</code> <span class="muted">pid {relay.pid}</span>
                </th>
                <td data-label="State">
                  <Badge tone={toneOf(relay)}>{relay.state}</Badge>
                </td>
                <td data-label="Position">{relay.position === null ? '–' : <code>{relay.position}</code>}</td>
                <td data-label="Because">{relay.because ?? <span class="muted">–</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {leader?.audit && <Audit audit={leader.audit} />}
    </Panel>
  );
}

function toneOf(relay: RelayRow): Tone {
  if (isLeader(relay)) return 'good';
  return relay.state === 'standby' ? 'info' : 'bad';
}

function Leader({ relay: { backlog, lagMs, rate } }: { relay: RelayRow }) {
  return (
    <dl class="facts">
      <div>
        <dt>Not in the stream yet</dt>
        <dd>{backlog === null ? 'not known' : countOf(backlog, 'event')}</dd>
      </div>
      <div>
        <dt>Lag</dt>
        <dd>{lagMs === null ? 'not known' : durationText(lagMs)}</dd>
      </div>
      <div>
        <dt>Rate</dt>
        <dd>{rate === null ? 'not known' : rateText(rate)}</dd>
      </div>
    </dl>
  );
}

function Audit({ audit: { ok, at, findings } }: { audit: NonNullable<RelayRow['audit']> }) {
  return (
    <div class="audit-line">
      <Badge tone={ok ? 'good' : 'bad'} icon={ok ? 'check' : 'cross'}>
        {ok ? 'stream equals outbox' : 'stream differs'}
      </Badge>
      <span class="muted">
        audited <Ago at={at} />
      </span>
      {findings.length > 0 && (
        <ul>
          {findings.map((finding) => (
            <li key={finding}>{finding}</li>
          ))}
        </ul>
      )}
    </div>
  );
}
