import { createHmac, randomBytes } from 'node:crypto';

/** Hides values behind a keyed hash: one can still see whether two are equal, and cannot try values out without the key. */
export class Redactor {
  readonly #key: string;

  /** @param key to compare what several processes have hidden they need the same; default one of this process alone */
  constructor(key = randomBytes(32).toString('hex')) {
    this.#key = key;
  }

  /** @param text the same for equal values, e.g. `string:"ann"` */
  hide(text: string): string {
    return `redacted:${createHmac('sha256', this.#key).update(text).digest('hex').slice(0, 12)}`;
  }
}
