const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** A duration in ms to read at a glance, with its unit: `0.42 ms`, `12 ms`, `3.4 s`, `5 min`, `2 d`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${significant(ms)} ms`;
  const [unit, size] = UNITS.find(([, each]) => ms >= each) ?? UNITS[3];
  const count = ms / size;
  return `${unit === 's' && count < 10 ? count.toFixed(1) : Math.floor(count)} ${unit}`;
}

/** Three digits at most, none of them after the point from 10 on. */
function significant(value: number): string {
  if (value >= 10) return String(Math.round(value));
  return String(Number(value.toFixed(value < 1 ? 2 : 1)));
}
