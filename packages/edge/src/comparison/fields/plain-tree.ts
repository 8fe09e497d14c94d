import { leaf, type FieldTree, type Leaf, type TreeReader } from './field-tree.js';

/**
 * Reads decoded messages whose protobuf type is not known, by the names that their objects have. Plain objects, arrays,
 * maps, dates and bytes are compared by value; an absent field equals an undefined one.
 */
export class PlainReader<Message> implements TreeReader<Message> {
  read(message: Message): FieldTree {
    return treeOf(message) ?? leaf(null);
  }
}

function treeOf(value: unknown): FieldTree | undefined {
  if (value === undefined || typeof value === 'function') return undefined;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return leaf(value as Leaf);
  if (value instanceof Date)
    return leaf(Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString());
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => treeOf(item) ?? leaf(null)) };
  if (value instanceof Map) {
    const keyed = [...value].map(([key, each]) => [JSON.stringify(String(key)), each as unknown] as const);
    return { kind: 'map', entries: treesOf(keyed) };
  }
  return { kind: 'message', fields: treesOf(Object.entries(value)) };
}

function treesOf(entries: readonly (readonly [string, unknown])[]): Map<string, FieldTree> {
  const trees = new Map<string, FieldTree>();
  for (const [name, value] of entries) {
    const tree = treeOf(value);
    if (tree !== undefined) trees.set(name, tree);
  }
  return trees;
}
