import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from '../problem/problem.js';

const STRONG = /^"([1-9]\d{0,15})"$/;

/**
 * The version that a change is meant for: `If-Match: "7"`. 0, any version, without the header and for `*`.
 * @throws ProblemError 400 for what is no version, 412 for a weak one, which names no version for certain
 */
export function expectedVersion({ headers }: FastifyRequest): number {
  const given = headers['if-match']?.trim();
  if (given === undefined || given === '*') return 0;
  const [, digits] = STRONG.exec(given) ?? [];
  if (digits !== undefined) return Number(digits);
  const weak = given.startsWith('W/');
  throw new ProblemError({
    status: weak ? 412 : 400,
    code: 'IF_MATCH_INVALID',
    detail: `If-Match is ${JSON.stringify(given)}, which names no version`,
    remedy: 'Give one ETag as an answer had it, for example "7", or leave the header out.',
  });
}

/** Answers with one thing and its version, or with 304 if the caller has just that. */
export function sendOne<T extends { version: number }>(reply: FastifyReply, view: T): T {
  return sendTagged(reply, view, `"${view.version}"`);
}

/** Answers with what has no version of its own: a list, a page made of several things. */
export function sendWhole<T extends object>(reply: FastifyReply, view: T): T {
  const digest = createHash('sha1').update(JSON.stringify(view)).digest('base64url');
  return sendTagged(reply, view, `W/"${digest}"`);
}

function sendTagged<T extends object>(reply: FastifyReply, view: T, etag: string): T {
  // Kept by the browser, and asked about each time.
  void reply.header('etag', etag).header('cache-control', 'private, no-cache');
  if (isKnown(reply.request, etag)) void reply.status(304);
  return view;
}

/** By weak comparison, as RFC 9110 has it for If-None-Match. */
function isKnown({ method, headers }: FastifyRequest, etag: string): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  const opaque = etag.replace(/^W\//, '');
  const known = headers['if-none-match']?.split(',').map((each) => each.trim().replace(/^W\//, ''));
  return known?.includes(opaque) === true;
}

/** Answers with something that was just made. */
export function sendCreated<T extends { version: number }>(reply: FastifyReply, view: T, path: string): T {
  void reply.status(201).header('location', path);
  return sendOne(reply, view);
}
