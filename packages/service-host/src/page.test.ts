import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutPage, readPage, type Page } from './page.js';

describe('pages', () => {
  it('yield every row once, in order, whatever the page size', () => {
    const keys = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,20}$/), { maxLength: 40 });
    fc.assert(
      fc.property(keys, fc.integer({ min: 1, max: 200 }), (unsorted, pageSize) => {
        const rows = unsorted.sort();
        const read: string[] = [];
        let pageToken = '';
        do {
          const page = readPage({ pageSize, pageToken }, 'token');
          const { items, nextPageToken } = cutPage(select(rows, page), page, (row) => row);
          expect(items.length).toBeLessThanOrEqual(pageSize);
          read.push(...items);
          pageToken = nextPageToken;
        } while (pageToken !== '');
        expect(read).toEqual(rows);
      }),
    );
  });

  it('hold 50 rows unless told otherwise', () => {
    expect(readPage({ pageSize: 0, pageToken: '' }, 'id')).toEqual({ size: 50, after: undefined });
  });

  it.each([
    [{ pageSize: -1, pageToken: '' }, /page_size/],
    [{ pageSize: 201, pageToken: '' }, /page_size/],
    [{ pageSize: 1, pageToken: 'x' }, /page_token/],
    [{ pageSize: 1, pageToken: Buffer.from('after:bob').toString('base64url') }, /page_token/],
  ])('refuse %o', (request, message) => {
    expect(() => readPage(request, 'id')).toThrow(message);
  });
});

/** What a store does: one row more than the page holds. */
function select(rows: string[], { after, size }: Page): string[] {
  return rows.filter((row) => after === undefined || row > after).slice(0, size + 1);
}
