import { SeenTokens } from './tokens.js';

/** A failed request, as the gateway told it. */
export class RequestFailed extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.name = 'RequestFailed';
    this.status = status;
  }
}

export interface Listed<T> {
  items: T[];
  /** After which event the list was read; undefined: events do not come. */
  position: string | undefined;
  /** How to learn of later changes. */
  live: 'poll' | 'push';
}

interface Page<T> {
  items: T[];
  nextPageToken: string | null;
}

const tokens = new SeenTokens();
const TIMEOUT_MS = 10_000;

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (tokens.header !== '') headers.set('banyan-tokens', tokens.header);
  const response = await fetch(`/api/${path}`, { ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  tokens.add(response.headers.get('banyan-tokens'));
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as { detail?: string; remedy?: string };
  const told = [problem.detail ?? `the gateway answers ${response.status}`, problem.remedy ?? ''];
  throw new RequestFailed(response.status, told.filter((part) => part !== '').join('. '));
}

/** All of a list, page by page. @param resource as live updates name it, e.g. `tasks?projectId=…` */
export async function readList<T>(resource: string): Promise<Listed<T>> {
  const first = await ask(withQuery(resource, 'pageSize=200'));
  const position = first.headers.get('banyan-position') ?? undefined;
  const live = first.headers.get('banyan-live') === 'push' ? 'push' : 'poll';
  let page = (await first.json()) as Page<T>;
  const items = [...page.items];
  while (page.nextPageToken !== null) {
    const next = `pageSize=200&pageToken=${encodeURIComponent(page.nextPageToken)}`;
    page = (await (await ask(withQuery(resource, next))).json()) as Page<T>;
    items.push(...page.items);
  }
  return { items, position, live };
}

/** @param version the change is refused if the thing is at another one */
export async function change<T>(
  method: 'POST' | 'PATCH' | 'PUT',
  path: string,
  { body, version }: { body?: object; version?: number } = {},
): Promise<T> {
  const headers = new Headers();
  if (body !== undefined) headers.set('content-type', 'application/json');
  if (version !== undefined) headers.set('if-match', `"${version}"`);
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  return (await (await ask(path, { method, headers, ...sent })).json()) as T;
}

function withQuery(resource: string, query: string): string {
  return `${resource}${resource.includes('?') ? '&' : '?'}${query}`;
}
