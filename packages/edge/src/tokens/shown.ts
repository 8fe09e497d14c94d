import type { MethodDefinition } from '@grpc/grpc-js';

/** A version that an answer shows of an aggregate: `{ key: 'project/p1', version: 7 }`. */
export interface ShownVersion {
  key: string;
  version: number;
}

/** What the answers of one method show; made by `shows`. */
export interface Shown {
  path: string;
  source: string;
  versionsOf: (response: unknown) => readonly ShownVersion[];
}

/**
 * Says for a server which versions a method's answers show, so that whoever reads one is never given an older one
 * afterwards, by a replica for example. Without it an answer tells what was written for it, not what was read.
 *
 * @param source of the aggregates' events, e.g. `projects`
 * @param versionsOf each aggregate that the answer shows; undefined ones are left out
 */
export function shows<Request, Response>(
  { path }: MethodDefinition<Request, Response>,
  source: string,
  versionsOf: (response: Response) => readonly (ShownVersion | undefined)[],
): Shown {
  return {
    path,
    source,
    versionsOf: (response) =>
      versionsOf(response as Response).filter((shown): shown is ShownVersion => isToken(shown)),
  };
}

/** `project/p1` in its two parts; undefined if it is no key. */
export function splitKey(key: string): { aggregate: string; id: string } | undefined {
  const slash = key.indexOf('/');
  if (slash < 1 || slash === key.length - 1) return undefined;
  return { aggregate: key.slice(0, slash), id: key.slice(slash + 1) };
}

function isToken(shown: ShownVersion | undefined): boolean {
  return shown !== undefined && Number.isSafeInteger(shown.version) && shown.version > 0;
}
