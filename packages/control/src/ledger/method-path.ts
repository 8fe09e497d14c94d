import type { EdgeName } from '../edge-name.js';
import type { Look } from './books.js';

/** `GetProject` of `/projects.v1.ProjectsService/GetProject`. */
export function methodOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * The service that serves a method: as those say that do; while none has been called it is taken for the first part of the
 * method's package, `projects` of `/projects.v1.ProjectsService/GetProject`.
 */
export function providerOf(path: string, look: Look): string {
  const [serving] = look.providersOf(path);
  return serving ?? guessedProvider(path);
}

function guessedProvider(path: string): string {
  const [first = ''] = path.split('/')[1]?.split('.') ?? [];
  return first.toLowerCase();
}

/** Whether a method's path is the one that an edge ends in. */
export function endsIn(
  { provider, method }: Pick<EdgeName, 'provider' | 'method'>,
  path: string,
  look: Look,
): boolean {
  return methodOf(path) === method && providerOf(path, look) === provider;
}
