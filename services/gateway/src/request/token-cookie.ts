import { TokenSet } from '@banyan/runtime';
import type { FastifyRequest } from 'fastify';

/** Carries tokens in both directions, as `TokenSet` writes them, for clients that keep them by themselves. */
export const TOKENS_HEADER = 'banyan-tokens';
export const TOKENS_COOKIE = 'banyan-tokens';

/** Browsers drop a cookie above 4096 bytes with its name; base64 makes 4 bytes of 3. */
const COOKIE_TOKEN_BYTES = 2900;

/** What the request's caller has seen, by header and cookie. */
export function readTokens({ headers, cookies }: FastifyRequest): TokenSet {
  const given = headers[TOKENS_HEADER];
  const tokens = TokenSet.decode(Array.isArray(given) ? given.join(',') : (given ?? ''));
  const cookie = cookies[TOKENS_COOKIE];
  if (cookie === undefined) return tokens;
  return tokens.merge(TokenSet.decode(Buffer.from(cookie, 'base64url').toString()));
}

/** What does not fit stays as the time by which it had been seen. */
export function writeTokensCookie(tokens: TokenSet): string {
  return Buffer.from(tokens.encode(COOKIE_TOKEN_BYTES)).toString('base64url');
}
