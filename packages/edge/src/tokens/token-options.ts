import { resolveOptions, text, wholeNumber } from '@banyan/runtime';
import type { ShownVersion } from './shown.js';

export interface TokenOptions<Response = unknown> {
  /** Whose tokens matter: the source of the events that the replica is kept by. Default: the provider in the edge's name. */
  source?: string;
  /**
   * At `prefer-replica`: how long, in ms, a replica is waited for that is behind what its caller has seen; default 100, and
   * never more than the read may take. At `replica` it is waited for as long as the caller's deadline leaves.
   */
  waitMs?: number;
  /**
   * How far, in ms, a replica must be past the time at which something was seen to count as having it, whatever the version
   * says; default 2000. Must be more than the clocks of caller and source differ by. It bounds for how long the stage
   * `replica` refuses a caller that has seen what never came to be, or what the replica keeps no versions of.
   */
  settleMs?: number;
  /**
   * Which versions an answer shows: for lists, whose readers would otherwise be promised their own writes only. Default: that
   * of the request's key, by `compare.version`.
   */
  shows?: (response: Response) => readonly (ShownVersion | undefined)[];
}

export type ResolvedTokenOptions<Response> = Required<Omit<TokenOptions, 'shows'>> &
  Pick<TokenOptions<Response>, 'shows'>;

/** @param provider of the edge */
export function resolveTokenOptions<Response>(
  { shows, ...given }: TokenOptions<Response>,
  provider: string,
): ResolvedTokenOptions<Response> {
  const options = resolveOptions<Omit<TokenOptions, 'shows'>>(
    'edge tokens',
    {
      source: { ...text(), fallback: provider },
      waitMs: wholeNumber(0, 600_000, 100),
      settleMs: wholeNumber(0, 3_600_000, 2_000),
    },
    given,
  );
  return shows === undefined ? options : { ...options, shows };
}
