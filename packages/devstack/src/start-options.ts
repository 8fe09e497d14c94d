import { type OptionRule } from '@banyan/runtime';

/** Takes one line of what is being done. */
export type LogLine = (line: string) => void;

const nobody: LogLine = () => undefined;

/** A rule for a function that takes log lines; by default they go nowhere. */
export function logRule(): OptionRule<LogLine> {
  return {
    fallback: nobody,
    must: 'a function that takes a line',
    check: (value): value is LogLine => typeof value === 'function',
  };
}

/** A rule for a server's settings by name; by default none. */
export function settingsRule(): OptionRule<Record<string, string | number>> {
  return {
    fallback: {},
    must: 'an object of texts and numbers',
    check: (value): value is Record<string, string | number> =>
      typeof value === 'object' &&
      value !== null &&
      Object.values(value).every((setting) => typeof setting === 'string' || typeof setting === 'number'),
  };
}

/** A rule for a text that may be empty. */
export function anyTextRule(fallback: string): OptionRule<string> {
  return { fallback, must: 'a text', check: (value): value is string => typeof value === 'string' };
}

/** A rule for a list of distinct names. */
export function namesRule(): OptionRule<readonly string[]> {
  return {
    must: 'a list of distinct names',
    check: (value): value is readonly string[] =>
      Array.isArray(value) &&
      value.every((name) => typeof name === 'string' && name !== '') &&
      new Set(value).size === value.length,
  };
}
