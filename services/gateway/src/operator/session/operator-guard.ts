import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from '../../problem/problem.js';
import { FailedLogins } from './failed-logins.js';
import { areSame } from './operator-token.js';
import { Sessions, SESSION_MS, type Session } from './sessions.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set on all of the operator API but its sessions. */
    operator: Operator;
  }
}

/** Somebody who knows the token. */
export interface Operator {
  /** As they call themselves: there is one token for all. */
  name: string;
  /** Undefined: came with the token itself. */
  session: Session | undefined;
}

export const COOKIE = 'banyan-operator';
const PATH = '/api/operator';
const NAME_HEADER = 'x-banyan-operator';
const CSRF_HEADER = 'banyan-csrf';
const READING = new Set(['GET', 'HEAD']);

/**
 * Lets in who shows the operator's token, as a bearer token or by a session that began with it, and nobody else. A session is
 * a cookie, which a browser sends along with whatever any page asks for; so its actions must show that they come from a page
 * that could read an answer of this API.
 */
export class OperatorGuard {
  readonly #token: string;
  readonly #sessions: Sessions;
  readonly #failures = new FailedLogins();

  constructor(token: string) {
    this.#token = token;
    this.#sessions = new Sessions(token);
  }

  /** Who makes a request. @throws ProblemError 401, 403, 429 */
  admit(request: FastifyRequest): Operator {
    // Anything else in that header is between the browser and a proxy.
    const shown = /^Bearer (.*)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (shown !== undefined) {
      this.checkToken(request, shown);
      return { name: nameOf(request) ?? 'operator', session: undefined };
    }
    const session = this.sessionOf(request);
    if (session === undefined) throw notAuthenticated('no token was shown, and no session is open');
    if (!READING.has(request.method)) checkCsrf(request, session);
    return { name: nameOf(request) ?? 'dashboard', session };
  }

  /** @throws ProblemError 401; 429 after too many wrong ones, whatever this one is */
  checkToken({ ip }: FastifyRequest, given: string): void {
    const nowMs = Date.now();
    const blockedMs = this.#failures.blockedMs(ip, nowMs);
    if (blockedMs > 0) throw tooMany(blockedMs);
    if (areSame(given, this.#token)) return;
    this.#failures.note(ip, nowMs);
    throw notAuthenticated('this is not the operator’s token');
  }

  sessionOf({ cookies }: FastifyRequest): Session | undefined {
    const cookie = cookies[COOKIE];
    return cookie === undefined ? undefined : this.#sessions.find(cookie, Date.now());
  }

  /** Whether one who was let in may still listen. */
  isIn({ session }: Operator): boolean {
    return session === undefined || this.#sessions.isOpen(session, Date.now());
  }

  begin(request: FastifyRequest, reply: FastifyReply): Session {
    const { cookie, session } = this.#sessions.begin(Date.now());
    void reply.setCookie(COOKIE, cookie, { ...cookieOptions(request), maxAge: SESSION_MS / 1000 });
    return session;
  }

  /** @throws ProblemError 403 */
  end(request: FastifyRequest, reply: FastifyReply): void {
    const session = this.sessionOf(request);
    if (session === undefined) return;
    checkCsrf(request, session);
    this.#sessions.end(session, Date.now());
    void reply.clearCookie(COOKIE, cookieOptions(request));
  }
}

const cookieOptions = ({ protocol }: FastifyRequest) => ({
  ...{ path: PATH, httpOnly: true, sameSite: 'strict' as const },
  secure: protocol === 'https',
});

/** Refuses what a page of somebody else sends, be it of the same site: those may share a machine, or a domain, and no trust. */
export function refuseOtherOrigins({ headers }: FastifyRequest): void {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none';
  if (!isForeign && (origin === undefined || isOwn(origin, host))) return;
  throw new ProblemError({
    status: 403,
    code: 'FOREIGN_ORIGIN',
    detail: `a page of ${origin ?? 'another origin'} may not use the operator API`,
    remedy: 'Open the dashboard that this gateway serves, or ask from a program, without Origin.',
  });
}

function isOwn(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host;
}

function checkCsrf({ headers }: FastifyRequest, { csrf }: Session): void {
  const given = headers[CSRF_HEADER];
  if (typeof given === 'string' && areSame(given, csrf)) return;
  throw new ProblemError({
    status: 403,
    code: 'CSRF',
    detail: `an action of a session needs the header ${CSRF_HEADER}`,
    remedy: `Send what GET ${PATH}/session says as csrf.`,
  });
}

function nameOf({ headers }: FastifyRequest): string | undefined {
  const given = headers[NAME_HEADER];
  if (given === undefined || given === '') return undefined;
  if (typeof given === 'string' && /^[\p{L}\p{N}][\p{L}\p{N} ._@+-]{0,63}$/u.test(given)) return given;
  throw new ProblemError({
    status: 400,
    code: 'INVALID_REQUEST',
    detail: `the header ${NAME_HEADER} is no name: ${JSON.stringify(given)}`,
    remedy: 'Give up to 64 letters, digits, blanks and . _ @ + -, beginning with a letter or a digit.',
  });
}

function notAuthenticated(detail: string): ProblemError {
  return new ProblemError({
    status: 401,
    code: 'NOT_AUTHENTICATED',
    detail,
    remedy:
      'Sign in with the operator’s token, or send it as Authorization: Bearer; `npm run dev` prints it.',
  });
}

function tooMany(blockedMs: number): ProblemError {
  return new ProblemError({
    status: 429,
    code: 'TOO_MANY_WRONG_TOKENS',
    detail: `too many wrong tokens came from this address`,
    remedy: `Try again in ${Math.ceil(blockedMs / 1000)} s.`,
  });
}
