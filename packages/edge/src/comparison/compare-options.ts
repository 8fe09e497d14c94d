import type { FileRegistry } from '@bufbuild/protobuf';
import { resolveOptions, text, type OptionRule, type OptionRules } from '@banyan/runtime';
import type { FieldEquality } from './fields/field-rules.js';

/**
 * What makes an answer of the replica right. Paths have the field names of the `.proto` file: `project.open_tasks`,
 * `members[*].role`, `labels["a key"]`; `*` stands for any item or key. A path that the type does not have is refused.
 */
export interface CompareOptions<Response> {
  /** The version of what an answer carries; undefined or 0: it has none, and cannot be judged. */
  version: (response: Response) => number | undefined;
  /** Paths of fields that do not count, with all that lies under them. */
  ignore?: readonly string[];
  /**
   * Lists whose order does not count: `tags`, or `members by member_id` where items are told apart by a field or several
   * (`lines by order_id, line`). Any other list in another order is wrong, with the note `order`.
   */
  unordered?: readonly string[];
  /** By how much two numbers may differ, by path: `{ 'project.score': 0.01 }`; of timestamps and durations in ms. */
  tolerance?: Readonly<Record<string, number>>;
  /** Rules of your own, by path, which say whether two values count as equal. They get plain values, undefined if absent. */
  equal?: Readonly<Record<string, FieldEquality>>;
  /**
   * What counterexamples may not show. Default `declared`: fields that the `.proto` marks `(banyan.v1.sensitive) = true`,
   * and everything if the method's type is not known; `all`; or paths besides the declared ones, of the request with
   * `request.` before them.
   */
  sensitive?: 'declared' | 'all' | readonly string[];
  /**
   * Key of the hash that stands for a sensitive value. Default: a random one of each process, so that only what one process
   * has seen can be told equal or different.
   */
  redactionKey?: string;
  /** Where the method's types are found; default the descriptors of `@banyan/contracts`. For your own: a FileRegistry. */
  descriptors?: FileRegistry;
}

export type ResolvedCompare<Response> = Required<
  Omit<CompareOptions<Response>, 'redactionKey' | 'descriptors'>
> & {
  redactionKey: string | undefined;
  descriptors: FileRegistry | undefined;
};

/** @throws BANYAN_OPTION_UNKNOWN, BANYAN_OPTION_INVALID */
export function resolveCompareOptions<Response>(given: CompareOptions<Response>): ResolvedCompare<Response> {
  const { redactionKey, descriptors, ...others } = given;
  const resolved = resolveOptions('query edge comparison', rules<Response>(), others);
  const key = redactionKey === undefined ? {} : { redactionKey };
  const { redactionKey: checked } = resolveOptions(
    'query edge comparison',
    { redactionKey: text('random') },
    key,
  );
  return { ...resolved, descriptors, redactionKey: redactionKey === undefined ? undefined : checked };
}

type Checked<Response> = Omit<CompareOptions<Response>, 'redactionKey' | 'descriptors'>;

function rules<Response>(): OptionRules<Checked<Response>> {
  return {
    version: {
      must: 'a function',
      check: (value): value is CompareOptions<Response>['version'] => typeof value === 'function',
    },
    ignore: { ...paths(), fallback: [] },
    unordered: { ...paths(), fallback: [] },
    tolerance: record((value): value is number => typeof value === 'number' && value >= 0, 'a number from 0'),
    equal: record(isEquality, 'a function'),
    sensitive: {
      fallback: 'declared',
      must: "'declared', 'all' or a list of paths",
      check: (value): value is 'declared' | 'all' | readonly string[] =>
        value === 'declared' || value === 'all' || isTexts(value),
    },
  };
}

function paths(): OptionRule<readonly string[]> {
  return { must: 'a list of paths', check: isTexts };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function isEquality(value: unknown): value is FieldEquality {
  return typeof value === 'function';
}

function record<Value>(
  fits: (value: unknown) => value is Value,
  of: string,
): OptionRule<Readonly<Record<string, Value>>> {
  return {
    fallback: {},
    must: `an object of paths, with ${of} each`,
    check: (value): value is Readonly<Record<string, Value>> =>
      typeof value === 'object' && value !== null && Object.values(value).every(fits),
  };
}
