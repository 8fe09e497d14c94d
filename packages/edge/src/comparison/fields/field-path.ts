/** One step into a message: a field by its name, or what stands in brackets: an index, a map's key, an item's own key. */
export interface Step {
  readonly kind: 'field' | 'bracket';
  /** As it is written in a path: `name`, `2`, `"a key"`, `member_id="m1"`; `*` in a rule stands for any. */
  readonly text: string;
  /** How it is told, where the text itself is to stay hidden. */
  readonly shown?: string;
}

export type FieldPath = readonly Step[];

const FIRST = /^([\w#$-]+|\*)/;
const NEXT = /^(?:\.([\w#$-]+|\*)|\[("(?:[^"\\]|\\.)*"|[^\][]+)\])/;

/** Reads a path as a rule writes it: `project.name`, `members[*].role`, `labels["a key"]`. Undefined: it is none. */
export function parsePath(written: string): FieldPath | undefined {
  const first = FIRST.exec(written);
  if (first === null) return undefined;
  const steps: Step[] = [{ kind: 'field', text: first[0] }];
  let rest = written.slice(first[0].length);
  while (rest !== '') {
    const [whole, field, bracket] = NEXT.exec(rest) ?? [];
    if (whole === undefined) return undefined;
    if (field !== undefined) steps.push({ kind: 'field', text: field });
    else if (bracket !== undefined) steps.push({ kind: 'bracket', text: bracket });
    rest = rest.slice(whole.length);
  }
  return steps;
}

/** A path as it is told. */
export function formatPath(path: FieldPath): string {
  return written(path, ({ shown, text }) => shown ?? text);
}

/** A path without what distinguishes one item from the next: `members[2].role` becomes `members[*].role`. */
export function patternOf(path: FieldPath): string {
  return written(path, ({ kind, text }) => (kind === 'bracket' ? '*' : text));
}

/** Whether a rule's path leads exactly here. */
export function leadsTo(rule: FieldPath, path: FieldPath): boolean {
  return (
    rule.length === path.length &&
    rule.every(({ kind, text }, i) => {
      const step = path[i];
      return step?.kind === kind && (text === '*' || text === step.text);
    })
  );
}

function written(path: FieldPath, textOf: (step: Step) => string): string {
  return path
    .map((step, i) =>
      step.kind === 'bracket' ? `[${textOf(step)}]` : `${i === 0 ? '' : '.'}${textOf(step)}`,
    )
    .join('');
}
