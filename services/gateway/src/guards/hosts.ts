import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from '../problem/problem.js';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface HostRules {
  /** host:port that the app listens on. */
  address: string;
  /** Origins whose pages may call it besides its own. */
  corsOrigins: readonly string[];
}

/**
 * Refuses what only a page of somebody else would send: a change, or a socket, with a foreign `Origin` (nothing in a browser
 * stops those before they arrive, cookies along); and, where the app listens on loopback only, a `Host` that is not loopback,
 * by which a foreign page makes itself look like its own (DNS rebinding).
 */
export function refuseForeignPages(app: FastifyInstance, { address, corsOrigins }: HostRules): void {
  const isLocal = isLoopback(address);
  app.addHook('onRequest', (request, _reply, done) => {
    const { host = '', origin } = request.headers;
    if (isLocal && !LOOPBACK.has(hostOf(host))) throw wrongHost(host);
    const isOwn = origin === undefined || originHost(origin) === host || corsOrigins.includes(origin);
    if (!isOwn && changes(request)) throw foreign(origin);
    done();
  });
}

/** Whether nobody but this machine can reach host:port. */
export const isLoopback = (address: string): boolean => LOOPBACK.has(hostOf(address));

function changes({ method, headers }: FastifyRequest): boolean {
  return !READING.has(method) || headers.upgrade !== undefined;
}

/** Without the port. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '').toLowerCase();
}

function originHost(origin: string): string {
  try {
    return new URL(origin).host;
  } catch {
    return '';
  }
}

function wrongHost(host: string): ProblemError {
  return new ProblemError({
    status: 421,
    code: 'WRONG_HOST',
    detail: `this gateway listens on loopback only, and was asked as ${JSON.stringify(host)}`,
    remedy: 'Ask for it as 127.0.0.1 or localhost, or have it listen on an address of its own.',
  });
}

function foreign(origin: string): ProblemError {
  return new ProblemError({
    status: 403,
    code: 'FOREIGN_ORIGIN',
    detail: `a page of ${origin} may not do this`,
    remedy: 'List the origin in the option corsOrigins, if it is one of yours.',
  });
}
