import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { BanyanError, messageOf } from '@banyan/runtime';
import { exists } from '../cache.js';
import { outputOf } from '../process/command.js';
import { type PostgresBinaries } from './binaries.js';
import { closedTo, type ServerUser } from './user.js';

/** A data folder that is ready to be served. */
export interface Cluster {
  dataDir: string;
  /** Where its settings are to be written: outside of the data, which belongs to the server's user. */
  configFile: string;
  password: string;
}

/**
 * The cluster of a folder, made by `initdb` if there is none yet. It is not copied from a template, which would be little
 * faster, because copies share their `system_identifier`, and that is what tells histories apart.
 */
export async function openCluster(
  dir: string,
  binaries: PostgresBinaries,
  user: ServerUser | undefined,
): Promise<Cluster> {
  const home = await homeOf(dir, user);
  const cluster = { dataDir: join(home, 'data'), passwordFile: join(home, 'password') };
  if (!(await exists(cluster.dataDir))) await initialise(cluster, binaries, user);
  return {
    dataDir: cluster.dataDir,
    configFile: join(home, 'banyan.conf'),
    password: (await readFile(cluster.passwordFile, 'utf8')).trim(),
  };
}

/**
 * Where the cluster's files lie: in `dir`. But what root keeps under /root is out of reach for the user that the server
 * must run as; then they lie under /var/tmp, and `dir/elsewhere` links there.
 */
async function homeOf(dir: string, user: ServerUser | undefined): Promise<string> {
  if ((await closedTo(user, dir)) === undefined) return dir;
  const link = join(dir, 'elsewhere');
  const linked = await readlink(link).catch(() => undefined);
  if (linked !== undefined && (await exists(linked))) return linked;
  await rm(link, { force: true });
  const home = await mkdtemp('/var/tmp/banyan-postgres-');
  await chmod(home, 0o711);
  await symlink(home, link);
  return home;
}

async function initialise(
  cluster: { dataDir: string; passwordFile: string },
  binaries: PostgresBinaries,
  user: ServerUser | undefined,
): Promise<void> {
  const draft = `${cluster.dataDir}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await writeFile(cluster.passwordFile, randomBytes(18).toString('base64url'), { mode: 0o600 });
  if (user !== undefined) {
    for (const path of [draft, cluster.passwordFile]) await chown(path, user.uid, user.gid);
  }
  try {
    const args = initdbArgs(draft, cluster.passwordFile, binaries.version);
    await outputOf(join(binaries.folder, 'initdb'), args, { timeoutMs: 60_000, user, cwd: '/' });
  } catch (cause) {
    throw new BanyanError('BANYAN_DEVSTACK', `the cluster in ${draft} was not made: ${messageOf(cause)}`, {
      cause,
      remedy: 'Check that the folder can be written to and has some 50 MB of room.',
    });
  }
  await rename(draft, cluster.dataDir);
}

function initdbArgs(dataDir: string, passwordFile: string, version: string): string[] {
  // The C locale's bytewise order with Unicode's letters, alike on every system; PostgreSQL has it built in from 17 on.
  const locale =
    Number.parseInt(version) >= 17
      ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
      : ['--locale=C'];
  return [
    `--pgdata=${dataDir}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    ...locale,
    '--no-sync',
    '--no-instructions',
  ];
}
