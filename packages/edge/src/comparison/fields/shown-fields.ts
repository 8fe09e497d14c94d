import { Buffer } from 'node:buffer';
import type { FieldRules } from './field-rules.js';
import type { FieldPath } from './field-path.js';
import type { FieldDiffer } from './field-diff.js';
import { keyOf, type FieldTree, type Leaf } from './field-tree.js';
import type { Redactor } from './redactor.js';

/** Longer texts and bytes are cut, in characters. */
const MAX_TEXT = 500;

export interface ShownParts {
  rules: FieldRules;
  redactor: Redactor;
  differ: FieldDiffer;
}

/** What may be told of messages: values in JSON, what is sensitive behind a keyed hash. */
export class ShownFields {
  readonly #parts: ShownParts;

  constructor(parts: ShownParts) {
    this.#parts = parts;
  }

  /** @param hidden lies under something sensitive */
  show(tree: FieldTree, path: FieldPath = [], hidden = this.#parts.rules.hidesAll): unknown {
    const { differ, redactor } = this.#parts;
    const sensitive = hidden || this.#hides(tree, path);
    if (tree.kind === 'leaf')
      return sensitive ? redactor.hide(differ.textOf(tree, [])) : shownLeaf(tree.value);
    if (tree.kind === 'list') {
      return tree.items.map((item, i) =>
        this.show(item, [...path, { kind: 'bracket', text: String(i) }], sensitive),
      );
    }
    const kind = tree.kind === 'map' ? 'bracket' : 'field';
    const entries = [...(tree.kind === 'map' ? tree.entries : tree.fields)].map(([text, each]) => {
      const name = kind === 'field' ? text : sensitive ? redactor.hide(text) : keyOf(text);
      return [name, this.show(each, [...path, { kind, text }], sensitive)];
    });
    return Object.fromEntries(entries) as Record<string, unknown>;
  }

  /** Whether anything that is there is hidden. */
  hides(tree: FieldTree, path: FieldPath = []): boolean {
    if (this.#parts.rules.hidesAll || this.#hides(tree, path)) return true;
    if (tree.kind === 'leaf') return false;
    if (tree.kind === 'list') {
      return tree.items.some((item, i) => this.hides(item, [...path, { kind: 'bracket', text: String(i) }]));
    }
    const kind = tree.kind === 'map' ? 'bracket' : 'field';
    return [...(tree.kind === 'map' ? tree.entries : tree.fields)].some(([text, each]) =>
      this.hides(each, [...path, { kind, text }]),
    );
  }

  #hides(tree: FieldTree, path: FieldPath): boolean {
    return tree.sensitive === true || this.#parts.rules.isSensitive(path);
  }
}

function shownLeaf(value: Leaf): string | number | boolean | null {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  const shown = value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
  return typeof shown === 'string' && shown.length > MAX_TEXT ? `${shown.slice(0, MAX_TEXT)}…` : shown;
}
