/**
 * Finds what the page must have.
 * @throws Error if it does not
 */
export function find<E extends Element>(
  kind: new () => E,
  selector: string,
  within: ParentNode = document,
): E {
  const found = within.querySelector(selector);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} ${selector}`);
}

/** A copy of a template's content. */
export function copyOf(template: string): DocumentFragment {
  const content = find(HTMLTemplateElement, template).content.cloneNode(true);
  if (content instanceof DocumentFragment) return content;
  throw new Error(`${template} is empty`);
}

/** Gives a select its options, and leaves what is chosen. Texts are texts: nothing in them is markup. */
export function fill(
  select: HTMLSelectElement,
  options: readonly (readonly [value: string, text: string])[],
): void {
  const chosen = select.value;
  const now = [...select.options].map(({ value, text }) => [value, text]);
  if (JSON.stringify(now) === JSON.stringify(options)) return;
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}
