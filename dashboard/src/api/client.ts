import { ApiError, problemOf } from './problem.js';

export const BASE = '/api/operator';
/** An answer that takes longer is given up, in ms. Actions wait for every process to run a change. */
const TIMEOUT_MS = 30_000;

export interface Ask {
  method?: 'GET' | 'POST' | 'DELETE';
  body?: object;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/**
 * Asks the operator API. The answer's type is the contract's: the page and the gateway that serves it are of one version.
 *
 * @throws ApiError with what the gateway said, or that it did not answer
 */
export async function ask<T>(
  path: string,
  { method = 'GET', body, headers = {}, signal }: Ask = {},
): Promise<T> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const response = await reach(`${BASE}${path}`, {
    method,
    credentials: 'same-origin',
    cache: 'no-store',
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    headers: { accept: 'application/json', ...jsonHeader(body), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = await jsonIn(response);
  if (response.ok) return answer as T;
  throw new ApiError(problemOf(response.status, answer));
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    if (init.signal?.aborted === true && isAbort(cause)) throw cause;
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new ApiError({ status: 0, title: 'The gateway does not answer', detail }, cause);
  }
}

const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === 'AbortError';

const jsonHeader = (body: object | undefined): Record<string, string> =>
  body === undefined ? {} : { 'content-type': 'application/json' };

async function jsonIn(response: Response): Promise<unknown> {
  try {
    return (await response.json()) as unknown;
  } catch {
    return undefined;
  }
}
