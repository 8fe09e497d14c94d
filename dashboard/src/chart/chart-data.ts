/** One line of a chart. */
export interface ChartLine {
  name: string;
  /** One a sample; null: there was nothing to measure. */
  values: readonly (number | null)[];
  /** Which path, or what, it is about: the colour. */
  colour: 'call' | 'replica' | 'bad' | 'warn' | 'neutral';
  /** Dashed where two lines of one colour mean two things. */
  dashed?: boolean;
}

/** The newest value that is known; null: none is. */
export function newestOf(values: readonly (number | null)[]): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

/** Whether there is anything to draw. */
export const hasValues = (lines: readonly ChartLine[]): boolean =>
  lines.some(({ values }) => values.some((value) => value !== null));

/** Up to where the axis goes: the largest value with some room, or the line that matters if that is higher. */
export function topOf(lines: readonly ChartLine[], atLeast: number): number {
  const largest = lines
    .flatMap(({ values }) => values)
    .reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
  return Math.max(largest * 1.1, atLeast);
}
