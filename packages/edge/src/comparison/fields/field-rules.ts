import { BanyanError } from '@banyan/runtime';
import { leadsTo, parsePath, type FieldPath } from './field-path.js';

/** Whether two values count as equal; undefined: the field is absent. They come as plain JavaScript values. */
export type FieldEquality = (provider: unknown, replica: unknown) => boolean;

export interface FieldRuleOptions {
  ignore: readonly string[];
  unordered: readonly string[];
  tolerance: Readonly<Record<string, number>>;
  equal: Readonly<Record<string, FieldEquality>>;
  /** `declared`: what the protobuf type marks; `all`; or these paths besides what the type marks. */
  sensitive: 'declared' | 'all' | readonly string[];
}

interface Rule<Value> {
  path: FieldPath;
  value: Value;
}

/** Checks that a path can lead somewhere; what is known of a type is the checker's. */
export type PathCheck = (path: FieldPath, written: string) => void;

/** What is judged otherwise than by being the same, by path. */
export class FieldRules {
  readonly #ignored: Rule<true>[];
  readonly #unordered: Rule<readonly string[]>[];
  readonly #tolerance: Rule<number>[];
  readonly #equal: Rule<FieldEquality>[];
  readonly #sensitive: Rule<true>[];
  /** Everything is to be hidden. */
  readonly hidesAll: boolean;

  /** @throws BANYAN_OPTION_INVALID for a path that cannot be read, or leads nowhere */
  constructor(options: FieldRuleOptions, check: PathCheck) {
    const { sensitive } = options;
    const rule = <Value>(written: string, value: Value): Rule<Value> => {
      const path = readPath(written);
      check(path, written);
      return { path, value };
    };
    this.#ignored = options.ignore.map((path) => rule(path, true));
    this.#unordered = options.unordered.map((written) => unorderedRule(written, check));
    this.#tolerance = Object.entries(options.tolerance).map(([path, by]) => rule(path, by));
    this.#equal = Object.entries(options.equal).map(([path, equal]) => rule(path, equal));
    this.#sensitive = typeof sensitive === 'string' ? [] : sensitive.map((path) => rule(path, true));
    this.hidesAll = sensitive === 'all';
  }

  isIgnored(path: FieldPath): boolean {
    return at(this.#ignored, path) !== undefined;
  }

  /** Of a list whose order does not count: the fields that tell an item from the next; none: the whole item does. */
  orderFree(path: FieldPath): readonly string[] | undefined {
    return at(this.#unordered, path);
  }

  /** By how much two numbers may differ; of two timestamps or durations in ms. */
  tolerance(path: FieldPath): number | undefined {
    return at(this.#tolerance, path);
  }

  equality(path: FieldPath): FieldEquality | undefined {
    return at(this.#equal, path);
  }

  isSensitive(path: FieldPath): boolean {
    return at(this.#sensitive, path) !== undefined;
  }
}

const UNORDERED = /^(\S+)(?:\s+by\s+([\w-]+(?:\s*,\s*[\w-]+)*))?$/;

/** `members by member_id`, `lines by order_id, line`, or `tags`. */
function unorderedRule(written: string, check: PathCheck): Rule<readonly string[]> {
  const [, list, by] = UNORDERED.exec(written.trim()) ?? [];
  if (list === undefined)
    throw invalid(`${JSON.stringify(written)} is no list: write \`members by member_id\` or \`tags\``);
  const path = readPath(list);
  const keys = by?.split(',').map((name) => name.trim()) ?? [];
  check(path, list);
  for (const key of keys) {
    check([...path, { kind: 'bracket', text: '*' }, { kind: 'field', text: key }], `${list}[*].${key}`);
  }
  return { path, value: keys };
}

function readPath(written: string): FieldPath {
  const path = parsePath(written);
  if (path !== undefined) return path;
  throw invalid(
    `${JSON.stringify(written)} is no path: write project.name, members[*].role or labels["a key"]`,
  );
}

function at<Value>(rules: readonly Rule<Value>[], path: FieldPath): Value | undefined {
  return rules.length === 0 ? undefined : rules.find((rule) => leadsTo(rule.path, path))?.value;
}

export function invalid(message: string): BanyanError {
  return new BanyanError('BANYAN_OPTION_INVALID', `comparison: ${message}`);
}
