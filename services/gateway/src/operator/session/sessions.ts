import { createHmac, randomBytes } from 'node:crypto';
import { areSame } from './operator-token.js';

/** How long a session lasts, in ms; then the token has to be shown again. */
export const SESSION_MS = 12 * 3_600_000;

export interface Session {
  id: string;
  expiresMs: number;
  /** What every action of it must show besides the cookie. */
  csrf: string;
}

/**
 * Sessions that live in their cookie: an id and an end, sealed under the operator's token. So they outlive a restart, and all
 * of them end when the token changes. One that was signed out is remembered until its end, by this process alone.
 */
export class Sessions {
  readonly #token: string;
  readonly #ended = new Map<string, number>();

  constructor(token: string) {
    this.#token = token;
  }

  begin(nowMs: number): { cookie: string; session: Session } {
    const session = this.#session(randomBytes(16).toString('base64url'), nowMs + SESSION_MS);
    return { cookie: this.#cookieOf(session), session };
  }

  /** The session of a cookie; undefined: it is none, or has ended. */
  find(cookie: string, nowMs: number): Session | undefined {
    const [expires = '', id = ''] = cookie.split('.');
    const session = this.#session(id, Number(expires));
    const isReal = areSame(cookie, this.#cookieOf(session));
    return isReal && this.isOpen(session, nowMs) ? session : undefined;
  }

  isOpen({ id, expiresMs }: Session, nowMs: number): boolean {
    return expiresMs > nowMs && !this.#ended.has(id);
  }

  end({ id, expiresMs }: Session, nowMs: number): void {
    for (const [ended, untilMs] of this.#ended) if (untilMs <= nowMs) this.#ended.delete(ended);
    this.#ended.set(id, expiresMs);
  }

  #session(id: string, expiresMs: number): Session {
    return { id, expiresMs, csrf: this.#seal('csrf', id) };
  }

  #cookieOf({ id, expiresMs }: Session): string {
    return `${expiresMs}.${id}.${this.#seal('session', `${expiresMs}.${id}`)}`;
  }

  #seal(purpose: string, text: string): string {
    return createHmac('sha256', this.#token).update(`banyan ${purpose} ${text}`).digest('base64url');
  }
}
