/** What this browser remembers from visit to visit; a storage that is closed to the page remembers nothing. */
export function remembered(name: string): string | undefined {
  try {
    return localStorage.getItem(`banyan.${name}`) ?? undefined;
  } catch {
    return undefined;
  }
}

/** An empty value is forgotten. */
export function remember(name: string, value: string): void {
  try {
    if (value === '') localStorage.removeItem(`banyan.${name}`);
    else localStorage.setItem(`banyan.${name}`, value);
  } catch {
    // It holds until the page is closed.
  }
}
