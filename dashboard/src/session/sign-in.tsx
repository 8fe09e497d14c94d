import { useSignal } from '@preact/signals';
import { Brand } from '../shell/brand.js';
import { PageHead } from '../shell/page-head.js';
import { Button } from '../ui/button.js';
import { Failure } from '../ui/state.js';
import { openSession, session, signIn } from './session.js';

/** Asks for the operator's token. */
export function SignIn() {
  const token = useSignal('');
  const busy = useSignal(false);
  const now = session.value;
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    busy.value = true;
    await signIn(token.value.trim());
    busy.value = false;
  };
  return (
    <main class="gate-page" id="main">
      <Brand />
      <PageHead title="Sign in">
        With the operator’s token. <code>npm run dev</code> prints an address that has it in; elsewhere it is
        the gateway’s <code>OPERATOR_TOKEN</code>.
      </PageHead>
      {now.state === 'closed' && now.because !== undefined && <Failure problem={now.because} />}
      <form onSubmit={(event) => void send(event)}>
        <label class="field">
          <span>Token</span>
          <input
            type="password"
            name="token"
            autoComplete="current-password"
            required
            value={token.value}
            onInput={({ currentTarget }) => {
              token.value = currentTarget.value;
            }}
          />
        </label>
        <Button submit tone="primary" disabled={busy.value || token.value.trim() === ''}>
          {busy.value ? 'Signing in …' : 'Sign in'}
        </Button>
      </form>
    </main>
  );
}

/** There is nobody to sign in to. */
export function NoApi() {
  const now = session.value;
  if (now.state !== 'off') return null;
  return (
    <main class="gate-page" id="main">
      <Brand />
      <PageHead title="The operator API is not there" />
      <Failure problem={now.because} />
      <Button icon="retry" onClick={() => void openSession()}>
        Try again
      </Button>
    </main>
  );
}
