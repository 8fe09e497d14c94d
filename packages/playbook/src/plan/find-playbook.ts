import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { BanyanError } from '@banyan/runtime';

/**
 * The playbook that is meant: as given, else the only one in the nearest folder `playbooks` of this folder or one above it.
 *
 * @throws BanyanError BANYAN_PLAYBOOK_INVALID if there is none, or more than one
 */
export function findPlaybook(given: string | undefined, folder: string): string {
  if (given !== undefined) return given;
  const found = nearest(folder);
  const [one] = found;
  if (one !== undefined && found.length === 1) return relative(folder, one) || one;
  const what = one === undefined ? `no playbook is in ${folder} or above` : `there are ${found.join(', ')}`;
  throw new BanyanError('BANYAN_PLAYBOOK_INVALID', what, { remedy: 'Name one: banyan plan <file>.' });
}

function nearest(folder: string): string[] {
  const here = join(folder, 'playbooks');
  const found = existsSync(here) ? readdirSync(here).filter((name) => /\.ya?ml$/.test(name)) : [];
  const above = dirname(folder);
  return found.length > 0 || above === folder ? found.map((name) => join(here, name)) : nearest(above);
}
