/** How well a name fits what was typed: lower is better; undefined: not at all. */
export function fitOf(name: string, typed: string): number | undefined {
  const wanted = typed.toLowerCase().replaceAll(/\s+/g, '');
  const text = name.toLowerCase();
  const whole = text.indexOf(wanted);
  if (whole >= 0) return whole;
  let at = -1;
  let gaps = 0;
  for (const letter of wanted) {
    const next = text.indexOf(letter, at + 1);
    if (next < 0) return undefined;
    gaps += next - at - 1;
    at = next;
  }
  return 1_000 + gaps;
}

/** Those that fit, the best first; as they came if nothing was typed. */
export function found<T>(all: readonly T[], nameOf: (item: T) => string, typed: string): T[] {
  return all
    .flatMap((item) => {
      const fit = fitOf(nameOf(item), typed);
      return fit === undefined ? [] : [{ item, fit }];
    })
    .sort((a, b) => a.fit - b.fit)
    .map(({ item }) => item);
}
