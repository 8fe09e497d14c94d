import { Panel } from '../ui/panel.js';
import { Empty, Loading } from '../ui/state.js';
import { overview } from '../live/live.js';
import { PageHead } from '../shell/page-head.js';
import { EdgeList } from './edge-list.js';
import { Legend } from './legend.js';
import { ServiceMap } from './service-map.js';
import { Summary } from './summary.js';

export function MapPage() {
  const now = overview.value;
  return (
    <>
      <PageHead title="Map">Each edge, how it is carried, and what it carries now.</PageHead>
      {now === null ? (
        <Loading what="the map" lines={6} />
      ) : now.edges.length === 0 ? (
        <Empty icon="map" title="No edge is known">
          No stage was ever set and no process reports one. Start the services, or <code>npm run dev</code>.
        </Empty>
      ) : (
        <>
          <Summary overview={now} />
          <Panel title="Services and edges" wide>
            <ServiceMap overview={now} />
            <Legend />
          </Panel>
          <Panel title="Edges" wide>
            <EdgeList edges={now.edges} />
          </Panel>
        </>
      )}
    </>
  );
}
