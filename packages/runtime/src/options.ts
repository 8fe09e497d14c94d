import { BanyanError } from './errors.js';
import { nearestName } from './nearest.js';

/** How one option is checked. `fallback` is its default; an option without one must be given. */
export interface OptionRule<T> {
  fallback?: T;
  /** What the option must be, in words, for the error: "a whole number from 1 to 65535". */
  must: string;
  check: (value: unknown) => value is T;
}

export type OptionRules<T extends object> = { [K in keyof T]-?: OptionRule<NonNullable<T[K]>> };

/**
 * Resolves options once, at construction: unknown names are refused with the nearest known one, values are checked,
 * defaults filled in. Nothing below the constructor needs a `??`.
 *
 * @param owner whose options they are, for the error message, e.g. `relay`
 */
export function resolveOptions<T extends object>(
  owner: string,
  rules: OptionRules<T>,
  given: Partial<T>,
): Required<T> {
  refuseUnknown(owner, Object.keys(rules), Object.keys(given));
  const resolved: Partial<Record<keyof T, unknown>> = {};
  for (const name of Object.keys(rules) as (keyof T & string)[]) {
    const rule = rules[name];
    const value: unknown = given[name] ?? rule.fallback;
    if (!rule.check(value)) {
      const seen = value === undefined ? 'nothing' : JSON.stringify(value);
      throw new BanyanError(
        'BANYAN_OPTION_INVALID',
        `${owner} option ${name} must be ${rule.must}, not ${seen}`,
      );
    }
    resolved[name] = value;
  }
  return resolved as Required<T>;
}

function refuseUnknown(owner: string, known: readonly string[], given: readonly string[]): void {
  for (const name of given) {
    if (known.includes(name)) continue;
    const near = nearestName(name, known);
    const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
    throw new BanyanError('BANYAN_OPTION_UNKNOWN', `${owner} has no option ${name}: ${hint}`);
  }
}

/** A rule for a whole number within bounds (both included). */
export function wholeNumber(min: number, max: number, fallback?: number): OptionRule<number> {
  return {
    ...(fallback === undefined ? {} : { fallback }),
    must: `a whole number from ${min} to ${max}`,
    check: (value): value is number =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max,
  };
}

/** A rule for a non-empty text. */
export function text(fallback?: string): OptionRule<string> {
  return {
    ...(fallback === undefined ? {} : { fallback }),
    must: 'a non-empty text',
    check: (value): value is string => typeof value === 'string' && value.length > 0,
  };
}

/** A rule for one of some texts. */
export function oneOf<const T extends string>(values: readonly T[], fallback?: T): OptionRule<T> {
  return {
    ...(fallback === undefined ? {} : { fallback }),
    must: `one of ${values.join(', ')}`,
    check: (value): value is T => typeof value === 'string' && (values as readonly string[]).includes(value),
  };
}

/** A rule for true or false. */
export function flag(fallback?: boolean): OptionRule<boolean> {
  return {
    ...(fallback === undefined ? {} : { fallback }),
    must: 'true or false',
    check: (value): value is boolean => typeof value === 'boolean',
  };
}
