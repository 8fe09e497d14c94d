import { AssertionError } from 'node:assert';
import { inspect, isDeepStrictEqual } from 'node:util';
import type { Row } from './test-tables.js';

export interface Outcome {
  rows: readonly Row[];
  /** Keys that were parked, with what their handlers failed with. */
  parked: ReadonlyMap<string, string>;
}

export interface Expected {
  rows: readonly Row[] | undefined;
  parked: readonly string[];
}

/** @throws AssertionError that names the way in which the events came, and the rows that differ */
export function compare(variant: string, outcome: Outcome, { rows, parked }: Expected): void {
  const keys = [...outcome.parked.keys()].sort();
  if (!isDeepStrictEqual(keys, [...parked].sort())) {
    const lines = [...outcome.parked].map(([key, error]) => `\n  ${key}: ${error}`);
    const message = `sent as ${variant}: parked are${lines.join('') || ' none'}\nexpected ${parked.join(', ') || 'none'}`;
    throw new AssertionError({ message, actual: keys, expected: parked, operator: 'deepStrictEqual' });
  }
  if (rows === undefined || isDeepStrictEqual(plain(outcome.rows), plain(rows))) return;
  const message = `sent as ${variant}: the rows differ (- expected, + there)\n${linesOf(rows, outcome.rows).join('\n')}`;
  throw new AssertionError({ message, actual: outcome.rows, expected: rows, operator: 'deepStrictEqual' });
}

/** Without prototypes and the like, which rows of a driver may have. */
const plain = (rows: readonly Row[]): Row[] => rows.map((row) => ({ ...row }));

function linesOf(expected: readonly Row[], actual: readonly Row[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
    const [wanted, found] = [expected[i], actual[i]];
    if (wanted !== undefined && found !== undefined && isDeepStrictEqual({ ...wanted }, { ...found }))
      continue;
    if (wanted !== undefined) lines.push(`- ${written(wanted)}`);
    if (found !== undefined) lines.push(`+ ${written(found)}`);
  }
  return lines;
}

const written = (row: Row): string => inspect({ ...row }, { breakLength: Infinity, depth: 10 });
