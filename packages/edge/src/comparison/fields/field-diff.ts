import type { FieldRules } from './field-rules.js';
import type { FieldPath, Step } from './field-path.js';
import { plainOf, sameLeaf, textOfLeaf, type FieldTree, type Leaf } from './field-tree.js';
import type { Redactor } from './redactor.js';

/** Differences named at most; one is enough to make an answer wrong. */
const MAX_DIFFERENCES = 20;

/** A field in which two messages differ. */
export interface Difference {
  path: FieldPath;
  /** `order`: a list has the same items in another order. */
  kind: 'value' | 'order';
  /** Undefined: absent. */
  provider: FieldTree | undefined;
  replica: FieldTree | undefined;
  sensitive: boolean;
}

interface Pair {
  a: FieldTree | undefined;
  b: FieldTree | undefined;
  path: FieldPath;
  sensitive: boolean;
}

/** Finds the fields in which two messages differ, by the rules. */
export class FieldDiffer {
  readonly #rules: FieldRules;
  readonly #redactor: Redactor;

  constructor(rules: FieldRules, redactor: Redactor) {
    this.#rules = rules;
    this.#redactor = redactor;
  }

  /** @param provider and `replica`: what each said */
  differences(provider: FieldTree, replica: FieldTree): Difference[] {
    const found: Difference[] = [];
    this.#walk({ a: provider, b: replica, path: [], sensitive: this.#rules.hidesAll }, found);
    return found;
  }

  #walk(pair: Pair, found: Difference[]): void {
    const { a, b, path } = pair;
    if (
      found.length >= MAX_DIFFERENCES ||
      (a === undefined && b === undefined) ||
      this.#rules.isIgnored(path)
    )
      return;
    const own = this.#rules.equality(path);
    if (own !== undefined) {
      if (!own(plainOf(a), plainOf(b))) found.push(differenceOf(pair, this.#isSensitive(pair)));
      return;
    }
    const inside = { ...pair, sensitive: this.#isSensitive(pair) };
    if (a?.kind === 'leaf' && b?.kind === 'leaf') {
      if (!this.#sameLeaf(a.value, b.value, path)) found.push(differenceOf(inside, inside.sensitive));
    } else if (a?.kind === 'list' && b?.kind === 'list')
      this.#lists(inside, { a: a.items, b: b.items }, found);
    else if (a?.kind === 'message' && b?.kind === 'message')
      this.#named(inside, { a: a.fields, b: b.fields }, found);
    else if (a?.kind === 'map' && b?.kind === 'map')
      this.#named(inside, { a: a.entries, b: b.entries }, found);
    else found.push(differenceOf(inside, inside.sensitive));
  }

  #named(pair: Pair, sides: Sides<ReadonlyMap<string, FieldTree>>, found: Difference[]): void {
    const kind = pair.a?.kind === 'map' ? 'bracket' : 'field';
    for (const text of new Set([...sides.a.keys(), ...sides.b.keys()])) {
      const step: Step = kind === 'bracket' ? this.#bracket(text, pair.sensitive) : { kind, text };
      this.#walk({ ...pair, a: sides.a.get(text), b: sides.b.get(text), path: [...pair.path, step] }, found);
    }
  }

  #lists(pair: Pair, sides: Sides<readonly FieldTree[]>, found: Difference[]): void {
    const keys = this.#rules.orderFree(pair.path);
    if (keys === undefined) this.#ordered(pair, sides, found);
    else if (keys.length === 0) this.#bag(pair, sides, found);
    else {
      const name = (item: FieldTree): string => this.#itemKey(item, keys, pair);
      this.#named(
        { ...pair, a: AS_MAP, sensitive: pair.sensitive },
        { a: keyed(sides.a, name), b: keyed(sides.b, name) },
        found,
      );
    }
  }

  /** Item by item; if that shows differences, whether only the order differs. */
  #ordered(pair: Pair, { a, b }: Sides<readonly FieldTree[]>, found: Difference[]): void {
    const inside: Difference[] = [];
    for (let i = 0; i < Math.max(a.length, b.length) && inside.length < MAX_DIFFERENCES; i += 1) {
      this.#walk({ ...pair, a: a[i], b: b[i], path: [...pair.path, index(i)] }, inside);
    }
    if (inside.length > 0 && a.length === b.length && this.#sameBag(a, b, pair.path)) {
      found.push({ ...differenceOf(pair, pair.sensitive), kind: 'order' });
    } else found.push(...inside.slice(0, MAX_DIFFERENCES - found.length));
  }

  /** As sets in which an item may be several times; what has no counterpart is told side by side. */
  #bag(pair: Pair, sides: Sides<readonly FieldTree[]>, found: Difference[]): void {
    const a = this.#without(sides.a, sides.b, pair.path);
    const b = this.#without(sides.b, sides.a, pair.path);
    for (let i = 0; i < Math.max(a.length, b.length) && found.length < MAX_DIFFERENCES; i += 1) {
      const inside = { ...pair, a: a[i], b: b[i], path: [...pair.path, ANY] };
      found.push(differenceOf(inside, this.#isSensitive(inside)));
    }
  }

  #sameBag(a: readonly FieldTree[], b: readonly FieldTree[], path: FieldPath): boolean {
    return this.#without(a, b, path).length === 0;
  }

  /** The items of `from` that are left once each of `others` has taken its like away. */
  #without(from: readonly FieldTree[], others: readonly FieldTree[], path: FieldPath): FieldTree[] {
    const counts = new Map<string, number>();
    const textOf = (item: FieldTree): string => this.textOf(item, [...path, ANY]);
    for (const text of others.map(textOf)) counts.set(text, (counts.get(text) ?? 0) + 1);
    return from.filter((item) => {
      const text = textOf(item);
      const left = counts.get(text) ?? 0;
      counts.set(text, left - 1);
      return left <= 0;
    });
  }

  /** A text that two trees share if they are the same in all that is not ignored. */
  textOf(tree: FieldTree | undefined, path: FieldPath): string {
    if (tree === undefined || this.#rules.isIgnored(path)) return '';
    if (tree.kind === 'leaf') return textOfLeaf(tree.value);
    if (tree.kind === 'list') {
      const items = tree.items.map((item) => this.textOf(item, [...path, ANY]));
      return `[${(this.#rules.orderFree(path) === undefined ? items : items.sort()).join()}]`;
    }
    const kind = tree.kind === 'map' ? 'bracket' : 'field';
    const entries = [...(tree.kind === 'map' ? tree.entries : tree.fields)].sort(([a], [b]) =>
      a < b ? -1 : 1,
    );
    return `{${entries.map(([text, each]) => `${text}=${this.textOf(each, [...path, { kind, text }])}`).join()}}`;
  }

  #itemKey(item: FieldTree, keys: readonly string[], pair: Pair): string {
    const fields = item.kind === 'message' ? item.fields : NO_FIELDS;
    return keys
      .map((name) => {
        const value = fields.get(name);
        const text = value?.kind === 'leaf' ? JSON.stringify(String(value.value)) : this.textOf(value, []);
        const path = [...pair.path, ANY, { kind: 'field' as const, text: name }];
        const sensitive = this.#isSensitive({ ...pair, a: value, path });
        return `${name}=${sensitive ? this.#redactor.hide(text) : text}`;
      })
      .join();
  }

  #bracket(text: string, sensitive: boolean): Step {
    return { kind: 'bracket', text, ...(sensitive ? { shown: this.#redactor.hide(text) } : {}) };
  }

  #isSensitive({ a, b, path, sensitive }: Pair): boolean {
    return sensitive || a?.sensitive === true || b?.sensitive === true || this.#rules.isSensitive(path);
  }

  #sameLeaf(a: Leaf, b: Leaf, path: FieldPath): boolean {
    if (sameLeaf(a, b)) return true;
    const tolerance = this.#rules.tolerance(path);
    return tolerance !== undefined && Math.abs(amountOf(a) - amountOf(b)) <= tolerance;
  }
}

interface Sides<T> {
  a: T;
  b: T;
}

const ANY: Step = { kind: 'bracket', text: '*' };
const AS_MAP: FieldTree = { kind: 'map', entries: new Map() };
const NO_FIELDS: ReadonlyMap<string, FieldTree> = new Map();

const index = (i: number): Step => ({ kind: 'bracket', text: String(i) });

function differenceOf({ a, b, path }: Pair, sensitive: boolean): Difference {
  return { path, kind: 'value', provider: a, replica: b, sensitive };
}

/** Items by their keys; a second one of a key is told from the first by its number. */
function keyed(items: readonly FieldTree[], nameOf: (item: FieldTree) => string): Map<string, FieldTree> {
  const named = new Map<string, FieldTree>();
  for (const item of items) {
    const name = nameOf(item);
    let free = name;
    for (let n = 2; named.has(free); n += 1) free = `${name} #${n}`;
    named.set(free, item);
  }
  return named;
}

/** As a number; of a timestamp or a duration in ms. NaN for anything else, which is near nothing. */
function amountOf(value: Leaf): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (typeof value !== 'string') return NaN;
  const seconds = /^(-?[\d.]+)s$/.exec(value)?.[1];
  return seconds === undefined ? Date.parse(value) : Number(seconds) * 1000;
}
