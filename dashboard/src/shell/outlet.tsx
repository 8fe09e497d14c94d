import { useErrorBoundary } from 'preact/hooks';
import { problemIn } from '../api/problem.js';
import { EdgePage } from '../edge/edge-page.js';
import { LivePage } from '../live/live-page.js';
import { MapPage } from '../map/map-page.js';
import { PlanPage } from '../plan/plan-page.js';
import { RelaysPage } from '../relays/relays-page.js';
import { Link } from '../routing/link.js';
import { route } from '../routing/router.js';
import { SubscribersPage } from '../subscribers/subscribers-page.js';
import { Empty, Failure } from '../ui/state.js';
import { PageHead } from './page-head.js';

/** The page at the address. One that fails says so, and leaves the others to go on. */
export function Outlet() {
  const path = route.value.page === 'edge' ? route.value.edge : route.value.page;
  return <Guarded key={path} />;
}

function Guarded() {
  const [error] = useErrorBoundary() as [unknown, () => void];
  return error === undefined ? <Page /> : <Failure problem={problemIn(error)} />;
}

function Page() {
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
