import { Type } from 'typebox';
import type { Api } from '../../rest/type-provider.js';
import { described } from '../described.js';
import type { SessionView } from '../wire.js';
import type { OperatorGuard } from './operator-guard.js';

const Login = Type.Object({ token: Type.String({ maxLength: 1000 }) }, { additionalProperties: false });

/** Sessions of browsers: begun with the token, so that it need not be kept by the page. */
export function sessionRoutes(api: Api, guard: OperatorGuard): void {
  const look = described(
    'session',
    'Whether a session is open, and what its actions must show as banyan-csrf.',
  );
  api.get('/session', { schema: look }, (request): SessionView => viewOf(guard.sessionOf(request)));

  const login = { ...described('session', 'Begins a session: sets a cookie.'), body: Login };
  api.post('/session', { schema: login }, (request, reply): SessionView => {
    guard.checkToken(request, request.body.token);
    return viewOf(guard.begin(request, reply));
  });

  const logout = described('session', 'Ends the session.');
  api.delete('/session', { schema: logout }, (request, reply): SessionView => {
    guard.end(request, reply);
    return viewOf(undefined);
  });
}

function viewOf(session: { csrf: string } | undefined): SessionView {
  return session === undefined ? { authenticated: false } : { authenticated: true, csrf: session.csrf };
}
