/** Which part of a list is asked for, in the words of the services. */
export function pageOf({ pageSize, pageToken = '' }: { pageSize?: string; pageToken?: string }) {
  return { pageSize: Number(pageSize ?? 0), pageToken };
}

export function shownPage<T>(
  items: T[],
  nextPageToken: string,
): { items: T[]; nextPageToken: string | null } {
  return { items, nextPageToken: nextPageToken === '' ? null : nextPageToken };
}
