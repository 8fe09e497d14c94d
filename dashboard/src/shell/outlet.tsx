import { EdgePage } from '../edge/edge-page.js';
import { LivePage } from '../live/live-page.js';
import { MapPage } from '../map/map-page.js';
import { PlanPage } from '../plan/plan-page.js';
import { RelaysPage } from '../relays/relays-page.js';
import { Link } from '../routing/link.js';
import { route } from '../routing/router.js';
import { SubscribersPage } from '../subscribers/subscribers-page.js';
import { Empty } from '../ui/state.js';
import { PageHead } from './page-head.js';

/** The page at the address. */
export function Outlet() {
  const place = route.value;
  switch (place.page) {
    case 'map':
      return <MapPage />;
    case 'edge':
      return <EdgePage key={place.edge} edge={place.edge} />;
    case 'relays':
      return <RelaysPage />;
    case 'subscribers':
      return <SubscribersPage />;
    case 'plan':
      return <PlanPage />;
    case 'live':
      return <LivePage />;
    case 'unknown':
      return <Nowhere path={place.path} />;
  }
}

function Nowhere({ path }: { path: string }) {
  return (
    <>
      <PageHead title="Nothing here" />
      <Empty icon="search" title={`There is no page at ${path}`}>
        <Link to={{ page: 'map' }}>To the map</Link>
      </Empty>
    </>
  );
}
