import { TOKEN, UUID, Validation } from './validation.js';

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

/** What a list is ordered by: ids that services give out, or names from outside (see `Validation.token`). */
export type PageKey = 'id' | 'token';

const KEY_SHAPES: Record<PageKey, RegExp> = { id: UUID, token: TOKEN };

/**
 * Reads `page_size` (0: 50) and `page_token` of a list request.
 *
 * @throws DomainError `invalid` for a size out of range, and for a token that no list of this kind has returned
 */
export function readPage(request: { pageSize: number; pageToken: string }, key: PageKey): Page {
  const { pageSize, pageToken } = request;
  const after = pageToken === '' ? undefined : keyIn(pageToken, KEY_SHAPES[key]);
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

function keyIn(token: string, shape: RegExp): string | undefined {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  const key = text.slice(TOKEN_PREFIX.length);
  return text.startsWith(TOKEN_PREFIX) && shape.test(key) ? key : undefined;
}
