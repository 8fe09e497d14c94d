import { NoApi, SignIn } from './session/sign-in.js';
import { session } from './session/session.js';
import { Shell } from './shell/shell.js';
import { Loading } from './ui/state.js';

export function App() {
  switch (session.value.state) {
    case 'asking':
      return (
        <main class="gate-page" id="main">
          <Loading what="the page" />
        </main>
      );
    case 'open':
      return <Shell />;
    case 'closed':
      return <SignIn />;
    case 'off':
      return <NoApi />;
  }
}
