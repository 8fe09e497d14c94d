import { useEffect } from 'preact/hooks';
import { Help } from '../keyboard/help.js';
import { Finder } from '../keyboard/finder.js';
import { listenToKeys } from '../keyboard/shortcuts.js';
import { followLive } from '../live/live.js';
import { Notices } from '../ui/notice.js';
import { Announcer } from './announcer.js';
import { Brand } from './brand.js';
import { ConnectionState, LostBanner } from './connection-state.js';
import { Controls } from './controls.js';
import { EdgeNavigation, Navigation } from './navigation.js';
import { Outlet } from './outlet.js';

/** Everything around a page, once the session is open. */
export function Shell() {
  useEffect(followLive, []);
  useEffect(listenToKeys, []);
  return (
    <div class="shell">
      <a class="skip-link" href="#main">
        Skip to the page
      </a>
      <header class="side">
        <div class="side-head">
          <Brand />
          <ConnectionState />
        </div>
        <Navigation />
        <EdgeNavigation />
        <Controls />
      </header>
      <main id="main" tabIndex={-1}>
        <LostBanner />
        <Outlet />
      </main>
      <Notices />
      <Announcer />
      <Finder />
      <Help />
    </div>
  );
}
