import type { FieldDifference } from '@banyan/control';
import { FieldDiffer, type Difference } from './field-diff.js';
import { formatPath, patternOf } from './field-path.js';
import type { FieldRules } from './field-rules.js';
import type { TreeReader } from './field-tree.js';
import type { Redactor } from './redactor.js';
import { ShownFields } from './shown-fields.js';

export interface FieldComparisonParts<Message> {
  reader: TreeReader<Message>;
  rules: FieldRules;
  redactor: Redactor;
}

/** Compares messages of one type field by field, and tells what may be told of them. */
export class FieldComparison<Message> {
  readonly #reader: TreeReader<Message>;
  readonly #differ: FieldDiffer;
  readonly #shown: ShownFields;

  constructor({ reader, rules, redactor }: FieldComparisonParts<Message>) {
    this.#reader = reader;
    this.#differ = new FieldDiffer(rules, redactor);
    this.#shown = new ShownFields({ rules, redactor, differ: this.#differ });
  }

  /** The fields in which the answers differ, values redacted; none: they count as equal. At most twenty. */
  differences(provider: Message, replica: Message): FieldDifference[] {
    const found = this.#differ.differences(this.#reader.read(provider), this.#reader.read(replica));
    return found.map((each) => this.#told(each));
  }

  /** A message in JSON, redacted. */
  show(message: Message): unknown {
    return this.#shown.show(this.#reader.read(message));
  }

  /** Whether `show` hides anything of a message. */
  hides(message: Message): boolean {
    return this.#shown.hides(this.#reader.read(message));
  }

  #told({ path, kind, provider, replica, sensitive }: Difference): FieldDifference {
    const [a, b] = [provider, replica].map((tree) => tree && this.#shown.show(tree, path, sensitive));
    return {
      path: formatPath(path),
      pattern: patternOf(path),
      kind,
      ...(a === undefined ? {} : { provider: a }),
      ...(b === undefined ? {} : { replica: b }),
    };
  }
}
