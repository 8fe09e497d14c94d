import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildOnce, exists } from '../cache.js';
import { withUnpacked } from '../debian/unpacked.js';
import { CACHED, natsVersion } from './installed.js';

/**
 * Takes nats-server out of a Debian or Ubuntu package.
 *
 * @param suite the Debian suite, on Debian
 * @returns the program
 */
export function packagedProgram(cache: string, suite: string): Promise<string> {
  return withUnpacked({ suite, packages: ['nats-server'] }, async ({ root, origin }) => {
    const program = await programIn(root);
    const version = await natsVersion(program);
    const target = join(cache, CACHED, `${origin}-${/^[\d.]+/.exec(version)?.[0] ?? '0.0'}`);
    await buildOnce(target, (folder) => copyFile(program, join(folder, 'nats-server')));
    return join(target, 'nats-server');
  });
}

async function programIn(root: string): Promise<string> {
  for (const place of ['usr/sbin', 'usr/bin']) {
    const program = join(root, place, 'nats-server');
    if (await exists(program)) return program;
  }
  throw new Error('the package holds no nats-server program');
}
