/** Paths named at most; one is enough to make an answer wrong. */
const MAX_PATHS = 20;

/**
 * The paths of the fields in which two decoded messages differ, e.g. `project.name`, `members[2].role`. Plain objects,
 * arrays, maps, dates and bytes are compared by value; an absent field equals an undefined one.
 */
export function differingFields(a: unknown, b: unknown, ignores: FieldIgnores): string[] {
  const found: string[] = [];
  walk({ a, b, path: '' }, ignores, found);
  return found;
}

/**
 * Fields that do not count, by pattern: `project.updatedAt`, `members[*].joinedAt`; `*` stands for one name or index.
 * A pattern covers all that lies under the field too.
 */
export class FieldIgnores {
  readonly #patterns: RegExp[];

  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map((pattern) => {
      const literal = pattern.replaceAll(/[\\^$+?.()|[\]{}]/g, String.raw`\$&`);
      return new RegExp(String.raw`^${literal.replaceAll('*', String.raw`[^.[\]]+`)}(?:$|[.[])`);
    });
  }

  covers(path: string): boolean {
    return this.#patterns.some((pattern) => pattern.test(path));
  }
}

interface Pair {
  a: unknown;
  b: unknown;
  path: string;
}

function walk(pair: Pair, ignores: FieldIgnores, found: string[]): void {
  const { a, b, path } = pair;
  if (found.length >= MAX_PATHS || Object.is(a, b) || ignores.covers(path)) return;
  const inner = innerPairs(pair);
  if (inner === undefined) {
    if (!sameLeaf(a, b)) found.push(path);
    return;
  }
  for (const each of inner) walk(each, ignores, found);
}

/** The pairs to compare next, or undefined if these two are compared as they are. */
function innerPairs({ a, b, path }: Pair): Pair[] | undefined {
  if (Array.isArray(a) && Array.isArray(b)) return pairsOfLists(a, b, path);
  const left = fieldsOf(a);
  const right = fieldsOf(b);
  if (left === undefined || right === undefined) return undefined;
  const names = new Set([...left.keys(), ...right.keys()]);
  const prefix = path === '' ? '' : `${path}.`;
  return [...names].map((name) => ({ a: left.get(name), b: right.get(name), path: `${prefix}${name}` }));
}

function pairsOfLists(a: readonly unknown[], b: readonly unknown[], path: string): Pair[] {
  const length = Math.max(a.length, b.length);
  return Array.from({ length }, (_, i) => ({ a: a[i], b: b[i], path: `${path}[${i}]` }));
}

function fieldsOf(value: unknown): Map<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if (value instanceof Date || ArrayBuffer.isView(value)) return undefined;
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [String(key), each as unknown]));
  return new Map(Object.entries(value));
}

function sameLeaf(a: unknown, b: unknown): boolean {
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return Object.is(a, b);
}
