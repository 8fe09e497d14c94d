import { invalid, type Violation } from './domain-error.js';

/** An id that a service gave out. */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** A name from outside. */
export const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
// Control characters and lone surrogates: what neither a screen nor PostgreSQL (NUL) takes.
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;

/** Whether a text can be an id that a service gave out; anything else is the id of nothing. */
export function isId(text: string): boolean {
  return UUID.test(text);
}

/** Gathers what is wrong with a request, so that the caller hears of all of it at once. */
export class Validation {
  readonly #violations: Violation[] = [];

  /** A text for people: 1 to `max` characters after trimming, nothing unprintable. */
  text(field: string, value: string, max = 200): this {
    const length = Array.from(value.trim()).length;
    if (length < 1 || length > max) this.#add(field, `must be 1 to ${max} characters, not ${length}`);
    else if (UNPRINTABLE.test(value)) this.#add(field, 'must not hold control characters');
    return this;
  }

  /** An id that a service gave out: a UUID in lower case. */
  id(field: string, value: string): this {
    if (!UUID.test(value)) this.#add(field, `must be a UUID in lower case, not ${shown(value)}`);
    return this;
  }

  /** The name of somebody or something outside: 1 to 64 letters, digits, `-` and `_`. */
  token(field: string, value: string): this {
    if (!TOKEN.test(value)) {
      this.#add(field, `must be 1 to 64 letters, digits, - and _, not ${shown(value)}`);
    }
    return this;
  }

  /** A version that the caller has seen, or 0. */
  version(field: string, value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) this.#add(field, `must not be negative, not ${value}`);
    return this;
  }

  /** Whatever else must hold. */
  that(field: string, holds: boolean, description: string): this {
    if (!holds) this.#add(field, description);
    return this;
  }

  /** @throws DomainError `invalid` with everything that was found */
  done(): void {
    if (this.#violations.length > 0) throw invalid(this.#violations);
  }

  #add(field: string, description: string): void {
    this.#violations.push({ field, description });
  }
}

/** A value in an error message: quoted, and cut where it gets long. */
function shown(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}
