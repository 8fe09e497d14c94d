import { Validation } from './validation.js';

const DEFAULT_SIZE = 50;
const MAX_SIZE = 200;
const TOKEN_PREFIX = 'after:';

/** One page of a list that is ordered by a unique key. */
export interface Page {
  /** How many at most. */
  size: number;
  /** Only what comes after this key; undefined on the first page. */
  after: string | undefined;
}

/** Reads `page_size` (0: 50) and `page_token` of a list request. */
export function readPage(request: { pageSize: number; pageToken: string }): Page {
  const { pageSize, pageToken } = request;
  const after = pageToken === '' ? undefined : keyIn(pageToken);
  new Validation()
    .that('page_size', pageSize >= 0 && pageSize <= MAX_SIZE, `must be 0 to ${MAX_SIZE}, not ${pageSize}`)
    .that('page_token', pageToken === '' || after !== undefined, 'must be one that a list call returned')
    .done();
  return { size: pageSize === 0 ? DEFAULT_SIZE : pageSize, after };
}

/**
 * Cuts what was read to the page and makes the next page's token. Read one row more than the page holds: that row says
 * whether there is a next page.
 */
export function cutPage<T>(
  rows: readonly T[],
  page: Page,
  keyOf: (row: T) => string,
): { items: T[]; nextPageToken: string } {
  const items = rows.slice(0, page.size);
  const last = items.at(-1);
  const more = rows.length > page.size && last !== undefined;
  return { items, nextPageToken: more ? tokenFor(keyOf(last)) : '' };
}

function tokenFor(key: string): string {
  return Buffer.from(TOKEN_PREFIX + key, 'utf8').toString('base64url');
}

function keyIn(token: string): string | undefined {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (!text.startsWith(TOKEN_PREFIX)) return undefined;
  const key = text.slice(TOKEN_PREFIX.length);
  return tokenFor(key) === token && /^[A-Za-z0-9_.-]{1,128}$/.test(key) ? key : undefined;
}
