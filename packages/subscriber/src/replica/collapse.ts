import type { ReplicaRow } from './row.js';

/** What an event does to the row of its aggregate. */
export type RowChange =
  | { readonly does: 'upsert'; readonly row: ReplicaRow }
  | { readonly does: 'delete'; readonly key: string | number };

/** The same, ready to be written. */
export interface Change {
  key: string;
  /** The aggregate's; 0 when its writer keeps none. */
  version: number;
  /** In JSON; undefined: delete it. */
  row: string | undefined;
}

export interface Collapsed {
  upserts: string[];
  deletes: (readonly [key: string, version: number])[];
  /** Versions that went down within these changes. */
  inversions: number;
}

/** Keeps the last change of each key: what all of them, in order, would leave behind. */
export function collapse(changes: readonly Change[], { version }: { version?: string }): Collapsed {
  const last = new Map<string, Change>();
  let inversions = 0;
  for (const change of changes) {
    const before = last.get(change.key);
    if (version !== undefined && before?.row !== undefined && before.version > change.version)
      inversions += 1;
    last.set(change.key, change);
  }
  const upserts: string[] = [];
  const deletes: (readonly [string, number])[] = [];
  for (const { key, version: at, row } of last.values()) {
    if (row === undefined) deletes.push([key, at]);
    else upserts.push(row);
  }
  return { upserts, deletes, inversions };
}
