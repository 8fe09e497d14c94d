import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { BanyanError, messageOf } from '@banyan/runtime';
import { buildOnce, cacheFolder, exists } from '../cache.js';
import { withUnpacked } from '../debian/unpacked.js';
import { setting } from '../environment.js';
import { outputOf } from '../process/command.js';

/** A redis-server, and the folder of libraries that came with it. */
export interface RedisProgram {
  how: 'REDIS_SERVER_BIN' | 'PATH' | 'cache' | 'packages';
  program: string;
  /** For LD_LIBRARY_PATH; empty: none. */
  libraries: string;
}

/** Where this package keeps what it fetched: one folder for each origin. */
const CACHED = 'redis-server';
/** What a redis-server of a distribution needs and a bare machine lacks. */
const LIBRARIES = /^(libjemalloc|liblzf|libhiredis|liblua|lua-)/;

/**
 * Looks for a redis-server, cheapest place first: `REDIS_SERVER_BIN`, the PATH, the cache, Debian's or Ubuntu's packages.
 *
 * @throws BanyanError BANYAN_DEVSTACK that lists each attempt with its reason
 */
export async function findRedis(): Promise<RedisProgram> {
  const cache = await cacheFolder();
  const attempts: [how: RedisProgram['how'], find: () => Promise<Omit<RedisProgram, 'how'>>][] = [
    ['REDIS_SERVER_BIN', given],
    ['PATH', onPath],
    ['cache', () => cached(cache)],
    ['packages', () => packaged(cache)],
  ];
  const failures: string[] = [];
  for (const [how, find] of attempts) {
    try {
      return { how, ...(await working(await find())) };
    } catch (error) {
      failures.push(`${how}: ${messageOf(error)}`);
    }
  }
  throw new BanyanError('BANYAN_DEVSTACK', `no redis-server was found:\n  ${failures.join('\n  ')}`, {
    remedy: 'Install redis-server, or set REDIS_SERVER_BIN to one.',
  });
}

type Found = Omit<RedisProgram, 'how'>;

async function working(found: Found): Promise<Found> {
  const env = { ...process.env, LD_LIBRARY_PATH: found.libraries };
  await outputOf(found.program, ['--version'], { timeoutMs: 10_000, env });
  return found;
}

function given(): Promise<Found> {
  const program = setting('REDIS_SERVER_BIN');
  if (program === undefined) return Promise.reject(new Error('not set'));
  return Promise.resolve({ program, libraries: '' });
}

async function onPath(): Promise<Found> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const program = join(folder, 'redis-server');
    if (folder !== '' && (await exists(program))) return { program, libraries: '' };
  }
  throw new Error('no redis-server there');
}

async function cached(cache: string): Promise<Found> {
  const [name] = await readdir(join(cache, CACHED)).catch(() => []);
  if (name === undefined) throw new Error(`none in ${join(cache, CACHED)}`);
  return foundIn(join(cache, CACHED, name));
}

function packaged(cache: string): Promise<Found> {
  const request = { packages: ['redis-server', 'redis-tools'], dependencies: LIBRARIES };
  return withUnpacked(request, async ({ root, origin }) => {
    const target = join(cache, CACHED, origin);
    await buildOnce(target, (folder) => collect(root, folder));
    return foundIn(target);
  });
}

function foundIn(folder: string): Found {
  return { program: join(folder, 'redis-server'), libraries: join(folder, 'lib') };
}

/** In Debian redis-server is a link to a program of redis-tools that acts by its name. */
async function collect(root: string, folder: string): Promise<void> {
  await copyFile(join(root, 'usr/bin/redis-check-rdb'), join(folder, 'redis-server'));
  await mkdir(join(folder, 'lib'));
  const files = await readdir(join(root, 'usr/lib'), { recursive: true, withFileTypes: true });
  for (const { name, parentPath } of files.filter((each) => /\.so(\.|$)/.test(each.name)))
    await copyFile(join(parentPath, name), join(folder, 'lib', name));
}
