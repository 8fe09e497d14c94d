import {
  BanyanError,
  flag,
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRule,
  type OptionRules,
} from '@banyan/runtime';
import type { FastifyRequest } from 'fastify';
import { isLoopback } from './guards/hosts.js';
import type { LiveOptions } from './live/live-options.js';

/** Says who makes a request, or undefined: nobody that may. What it throws counts as nobody, and is logged. */
export type Authenticate = (request: FastifyRequest) => Promise<string | undefined> | string | undefined;

/** Options of the gateway. Times in ms. */
export interface GatewayOptions {
  /** host:port to listen on; port 0 takes a free one. Default `127.0.0.1:0`: who opens it to others must authenticate them. */
  address: string;
  /** host:port of teams. Required. */
  teamsAddress: string;
  /** host:port of projects. Required. */
  projectsAddress: string;
  /** host:port of tasks. Required. */
  tasksAddress: string;
  /** Address of NATS, several separated by commas. It may be away: REST goes on, live updates wait. Required. */
  natsUrl: string;
  /** Folder of this process alone, for the last known flags. It must survive restarts. Required. */
  stateDir: string;
  /**
   * What operators must show to use the operator API; see docs/operator-api.md. At least 20 characters if `address` is not
   * loopback. Default '': there is no operator API.
   */
  operatorToken: string;
  /** Databases of subscribers, address by name: those whose parked keys operators see. Default: none. */
  operatorDatabases: Readonly<Record<string, string>>;
  /**
   * File of the playbook whose steps operators see, and by whose settings gates judge for them. Default '': they see the last
   * run only, and gates ask their defaults.
   */
  playbook: string;
  /** Folder of the dashboard's built page. Default '': none is served. */
  dashboardDir: string;
  /** Options of live updates: see `LiveOptions`. Default: theirs. */
  live: Partial<LiveOptions>;
  /** Who makes a request to `/api`, or opens a socket. Default: everybody is `anonymous`. */
  authenticate: Authenticate;
  /** Origins whose pages may call it besides its own, e.g. `https://example.org`. Default: none. */
  corsOrigins: readonly string[];
  /** Requests a minute from one address. Beyond it 429. Default 6000; 0: no limit. */
  rateLimit: number;
  /** Behind a proxy that sets X-Forwarded-For. Anybody can forge that header where there is none. Default false. */
  trustProxy: boolean;
  /** Bytes of a request's body, at most. Default 65,536. */
  maxBodyBytes: number;
  /** How long a call to a service may take. Default 5000. */
  callTimeoutMs: number;
  /** How long `stop` waits for requests under way. Default 5000. */
  drainMs: number;
  /** Where log lines go. Default: nowhere. */
  logger: Logger;
}

type RequiredOptions = 'teamsAddress' | 'projectsAddress' | 'tasksAddress' | 'natsUrl' | 'stateDir';

export type GatewayConfig = Pick<GatewayOptions, RequiredOptions> &
  Partial<Omit<GatewayOptions, RequiredOptions>>;

const anyText: OptionRule<string> = {
  fallback: '',
  must: 'a text',
  check: (value): value is string => typeof value === 'string',
};

const ORIGIN = /^https?:\/\/[^/]+$/;

const RULES: OptionRules<GatewayOptions> = {
  address: {
    fallback: '127.0.0.1:0',
    must: 'host:port',
    check: (value): value is string => typeof value === 'string' && /^.+:\d{1,5}$/.test(value),
  },
  teamsAddress: text(),
  projectsAddress: text(),
  tasksAddress: text(),
  natsUrl: text(),
  stateDir: text(),
  operatorToken: anyText,
  operatorDatabases: {
    fallback: {},
    must: 'an object of database addresses by name',
    check: (value): value is Readonly<Record<string, string>> =>
      typeof value === 'object' &&
      value !== null &&
      Object.values(value).every((url) => typeof url === 'string'),
  },
  playbook: anyText,
  dashboardDir: anyText,
  live: {
    fallback: {},
    must: 'options of live updates',
    check: (value): value is Partial<LiveOptions> => typeof value === 'object' && value !== null,
  },
  authenticate: {
    fallback: () => 'anonymous',
    must: 'a function',
    check: (value): value is Authenticate => typeof value === 'function',
  },
  corsOrigins: {
    fallback: [],
    must: 'a list of origins like https://example.org',
    check: (value): value is readonly string[] =>
      Array.isArray(value) && value.every((each) => typeof each === 'string' && ORIGIN.test(each)),
  },
  rateLimit: wholeNumber(0, 1_000_000, 6000),
  trustProxy: flag(false),
  maxBodyBytes: wholeNumber(1024, 16 * 1024 * 1024, 65_536),
  callTimeoutMs: wholeNumber(1, 600_000, 5000),
  drainMs: wholeNumber(0, 600_000, 5000),
  logger: {
    fallback: silentLogger,
    must: 'a logger with debug, info, warn and error',
    check: (value): value is Logger => typeof value === 'object' && value !== null && 'warn' in value,
  },
};

/** @throws BanyanError BANYAN_OPTION_INVALID, BANYAN_OPTION_UNKNOWN */
export function resolveGatewayOptions(given: GatewayConfig): GatewayOptions {
  const options = resolveOptions<GatewayOptions>('gateway', RULES, given);
  refuseGuessable(options);
  return options;
}

/** A token that can be guessed must not be open to others than this machine. */
function refuseGuessable({ address, operatorToken: { length } }: GatewayOptions): void {
  if (length === 0 || length >= 20 || isLoopback(address)) return;
  const what = `operatorToken has ${length} characters, and ${address} is open to other machines`;
  throw new BanyanError('BANYAN_OPTION_INVALID', what, {
    remedy: 'Make one of at least 20: `openssl rand -base64 24`; or listen on 127.0.0.1.',
  });
}
