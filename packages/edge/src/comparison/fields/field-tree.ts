export type Leaf = string | number | bigint | boolean | Uint8Array | null;

/**
 * A message as comparisons see it, whatever code generated its class. What a protobuf message does not hold is absent; a
 * field without presence holds its default.
 */
export type FieldTree = (
  | { kind: 'leaf'; value: Leaf }
  | { kind: 'message'; fields: ReadonlyMap<string, FieldTree> }
  | { kind: 'list'; items: readonly FieldTree[] }
  /** Keys as they are written in paths: `"a"`, `7`, `true`. */
  | { kind: 'map'; entries: ReadonlyMap<string, FieldTree> }
) & {
  /** Nobody may read it or what lies under it: told as a keyed hash. */
  sensitive?: boolean;
};

export function leaf(value: Leaf): FieldTree {
  return { kind: 'leaf', value };
}

/** Turns messages of one type into trees. */
export interface TreeReader<Message> {
  read: (message: Message) => FieldTree;
}

/** As plain JavaScript values: what a rule of the adopter's own is given. Bytes and bigints stay what they are. */
export function plainOf(tree: FieldTree | undefined): unknown {
  switch (tree?.kind) {
    case undefined:
      return undefined;
    case 'leaf':
      return tree.value;
    case 'list':
      return tree.items.map(plainOf);
    case 'message':
      return Object.fromEntries([...tree.fields].map(([name, each]) => [name, plainOf(each)]));
    case 'map':
      return Object.fromEntries([...tree.entries].map(([key, each]) => [keyOf(key), plainOf(each)]));
  }
}

/** A map's key without the quotes that paths give it. */
export function keyOf(written: string): string {
  return written.startsWith('"') ? (JSON.parse(written) as string) : written;
}

/** Equal leaves as protobuf has them: NaN equals NaN, and -0 equals 0. */
export function sameLeaf(a: Leaf, b: Leaf): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return a === b || Object.is(a, b);
}

/** A text that two leaves share if, and only if, they are equal. */
export function textOfLeaf(value: Leaf): string {
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('base64')}`;
  return typeof value === 'number' ? `number:${value}` : `${typeof value}:${JSON.stringify(plain(value))}`;
}

const plain = (value: string | boolean | bigint | null): string | boolean | null =>
  typeof value === 'bigint' ? value.toString() : value;
