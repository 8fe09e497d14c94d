/** What an examination says of one thing. */
export interface Finding {
  area: Area;
  /** What was looked at. */
  what: string;
  /** `warn`: it works, but not as well, or not for long. `unchecked`: nothing is known of it. */
  outcome: 'ok' | 'warn' | 'fail' | 'unchecked';
  /** What was seen. */
  found: string;
  /** What to do; always there for `warn` and `fail`. */
  remedy?: string;
}

export type Area = 'machine' | 'nats' | 'postgres' | 'relays' | 'subscribers' | 'stages' | 'clocks';

/** The findings of one area. */
export class Findings {
  readonly all: Finding[] = [];
  readonly #area: Area;

  constructor(area: Area) {
    this.#area = area;
  }

  ok(what: string, found: string): void {
    this.all.push({ area: this.#area, what, outcome: 'ok', found });
  }

  warn(what: string, found: string, remedy: string): void {
    this.all.push({ area: this.#area, what, outcome: 'warn', found, remedy });
  }

  fail(what: string, found: string, remedy: string): void {
    this.all.push({ area: this.#area, what, outcome: 'fail', found, remedy });
  }

  unchecked(what: string, found: string, remedy?: string): void {
    const finding: Finding = { area: this.#area, what, outcome: 'unchecked', found };
    this.all.push(remedy === undefined ? finding : { ...finding, remedy });
  }
}
