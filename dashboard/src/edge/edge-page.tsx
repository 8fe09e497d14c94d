import type { Problem } from '../api/problem.js';
import { PageHead } from '../shell/page-head.js';
import { withArrows } from './edge-text.js';
import { useResource } from '../api/resource.js';
import { AuditList } from '../audit/audit-list.js';
import { edges, overview } from '../live/live.js';
import { Link } from '../routing/link.js';
import { Panel } from '../ui/panel.js';
import { Empty, Failure, Loading } from '../ui/state.js';
import type { EdgeOverview, EdgeView } from '../wire.js';
import { EdgeCharts } from './edge-charts.js';
import { EdgeHead } from './edge-head.js';
import { GatePanel } from './gate-panel.js';
import { LadderView } from './ladder-view.js';
import { Mismatches } from './mismatches.js';
import { NowPanel } from './now-panel.js';
import { ParityPanel } from './parity-panel.js';
import { ProcessTable } from './process-table.js';
import { FallbackPanel } from './fallback-panel.js';
import { ReactionPanel } from './reaction-panel.js';

const EVERY_MS = 5_000;

/** All that is known of one edge, and the ways up and down. */
export function EdgePage({ edge: name }: { edge: string }) {
  const now = edges.value.find(({ edge }) => edge === name);
  const reading = useResource<EdgeView>(`/edges/${encodeURIComponent(name)}`, {
    everyMs: EVERY_MS,
    version: now?.changeId,
  });
  const edge = now ?? reading.data?.overview;
  if (edge !== undefined)
    return <Edge edge={edge} view={reading.data} refresh={reading.refresh} problem={reading.problem} />;
  return (
    <>
      <PageHead title={withArrows(name)} />
      <NoEdge name={name} problem={reading.problem} />
    </>
  );
}

function NoEdge({ name, problem }: { name: string; problem: Problem | null }) {
  if (problem !== null) return <Failure problem={problem} />;
  if (overview.value === null) return <Loading what={name} lines={6} />;
  return (
    <Empty icon="search" title={`${name} is not known`}>
      No stage of it was ever set and no process reports it. <Link to={{ page: 'map' }}>To the map</Link>
    </Empty>
  );
}

interface EdgeProps {
  edge: EdgeOverview;
  view: EdgeView | null;
  problem: Problem | null;
  refresh: () => void;
}

function Edge({ edge, view, problem, refresh }: EdgeProps) {
  return (
    <>
      <EdgeHead edge={edge} onMoved={refresh} />
      <LadderView edge={edge} />
      {problem !== null && <Failure problem={problem} />}
      <div class="panels">
        <GatePanel edge={edge} view={view} />
        <NowPanel edge={edge} />
      </div>
      {view === null ? <Loading what="charts" lines={5} /> : <EdgeCharts edge={edge} known={view.series} />}
      {edge.kind === 'query' ? (
        <div class="panels">
          <ParityPanel edge={edge} rows={view?.parity ?? []} />
          <FallbackPanel edge={edge} />
        </div>
      ) : (
        <ReactionPanel edge={edge} />
      )}
      <ProcessTable edge={edge} />
      {edge.kind === 'query' && view !== null && <Mismatches mismatches={view.mismatches} />}
      {view !== null && <History view={view} />}
    </>
  );
}

function History({ view: { history } }: { view: EdgeView }) {
  return (
    <Panel title="History" wide>
      {history.length === 0 ? (
        <Empty icon="clock" title="It was never moved">
          It stands where its processes begin.
        </Empty>
      ) : (
        <AuditList entries={history} withSubject={false} />
      )}
    </Panel>
  );
}
