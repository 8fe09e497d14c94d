/** A value as it is read side by side; what is not there is told so. */
export function jsonText(value: unknown): string {
  if (value === undefined) return 'absent';
  if (typeof value === 'string') return JSON.stringify(value);
  return JSON.stringify(value, null, 2);
}
