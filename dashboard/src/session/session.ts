import { signal } from '@preact/signals';
import { ask, type Ask } from '../api/client.js';
import { ApiError, problemIn, type Problem } from '../api/problem.js';
import type { SessionView } from '../wire.js';
import { remembered, remember } from './remembered.js';

/**
 * Whether the page may ask: `asking` → `open` or `closed` (a token is needed), or `off` (the gateway has no operator API, or does
 * not answer). An action or a look that is answered with 401 closes it.
 */
export type Session =
  | { state: 'asking' }
  | { state: 'open'; csrf: string }
  | { state: 'closed'; because?: Problem }
  | { state: 'off'; because: Problem };

export const session = signal<Session>({ state: 'asking' });

/** What the user goes by in the audit; empty: as the gateway calls its page. */
export const operatorName = signal(remembered('operator') ?? '');

export function setOperatorName(name: string): void {
  operatorName.value = name;
  remember('operator', name);
}

/** Opens the session with the token in the address, if there is one, else with the cookie of before. */
export async function openSession(): Promise<void> {
  const token = tokenInFragment();
  if (token !== undefined) return signIn(token);
  await settle(() => ask<SessionView>('/session'));
}

export async function signIn(token: string): Promise<void> {
  await settle(async () => {
    await ask('/session', { method: 'POST', body: { token } });
    return ask<SessionView>('/session');
  });
}

/** Forgets the session here, and asks the gateway to. */
export async function signOut(): Promise<void> {
  await ask('/session', { method: 'DELETE', headers: csrfHeader() }).catch(() => undefined);
  session.value = { state: 'closed' };
}

/** Acts. @throws ApiError */
export async function act<T>(path: string, body: object): Promise<T> {
  const headers = { ...csrfHeader(), ...nameHeader() };
  return watched(() => ask<T>(path, { method: 'POST', body, headers }));
}

/** Looks. @throws ApiError */
export function look<T>(path: string, signal?: AbortSignal): Promise<T> {
  const options: Ask = { signal };
  return watched(() => ask<T>(path, options));
}

async function settle(work: () => Promise<SessionView>): Promise<void> {
  try {
    const { authenticated, csrf = '' } = await work();
    session.value = authenticated ? { state: 'open', csrf } : { state: 'closed' };
  } catch (error) {
    const because = problemIn(error);
    session.value = { state: because.status === 401 || because.status === 429 ? 'closed' : 'off', because };
  }
}

async function watched<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError && error.problem.status === 401) session.value = { state: 'closed' };
    throw error;
  }
}

const csrfHeader = (): Record<string, string> =>
  session.value.state === 'open' ? { 'banyan-csrf': session.value.csrf } : {};

/** Letters that a header can carry, and none that the gateway would refuse. */
const NAME = /^[A-Za-z0-9À-ÖØ-öø-ÿ][A-Za-z0-9À-ÖØ-öø-ÿ ._@+-]{0,59}$/;

export const isOperatorName = (name: string): boolean => name === '' || NAME.test(name);

const nameHeader = (): Record<string, string> =>
  operatorName.value === '' ? {} : { 'x-banyan-operator': operatorName.value };

/** Taken out of the address at once, so that it is neither kept nor sent on. */
function tokenInFragment(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null || token === '') return undefined;
  history.replaceState(null, '', location.pathname + location.search);
  return token;
}
