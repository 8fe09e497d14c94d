import { randomBytes } from 'node:crypto';
import { lstat, mkdir, rename, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { BanyanError, messageOf } from '@banyan/runtime';
import { setting } from './environment.js';

/**
 * The folder for what is fetched or unpacked once: `$BANYAN_CACHE_DIR`, else `$XDG_CACHE_HOME/banyan`, else
 * `~/.cache/banyan`, else one in the system's temporary folder. The first that can be made, belongs to this user, and
 * that `usable` accepts.
 *
 * @throws BanyanError BANYAN_DEVSTACK that says what is wrong with each
 */
export async function cacheFolder(
  usable: (folder: string) => Promise<string | undefined> = () => Promise.resolve(undefined),
): Promise<string> {
  const reasons: string[] = [];
  for (const folder of candidates()) {
    const reason = await refusal(folder, usable);
    if (reason === undefined) return folder;
    reasons.push(`${folder}: ${reason}`);
  }
  throw new BanyanError('BANYAN_DEVSTACK', `no cache folder can be used:\n  ${reasons.join('\n  ')}`, {
    remedy: 'Set BANYAN_CACHE_DIR to a folder that you may write to.',
  });
}

function candidates(): string[] {
  const told = setting('BANYAN_CACHE_DIR');
  const own = process.getuid?.() ?? 0;
  return [
    ...(told === undefined ? [] : [resolve(told)]),
    join(setting('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'banyan'),
    // Root's home is often closed to the user that PostgreSQL has to run as; this folder is not.
    ...(own === 0 ? ['/var/cache/banyan'] : []),
    join(tmpdir(), `banyan-cache-${own}`),
  ];
}

async function refusal(
  folder: string,
  usable: (folder: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    // What lies here is executed, and some of the candidates lie where anybody could have made them first.
    const { uid, mode } = await stat(folder);
    if (uid !== process.getuid?.()) return `it belongs to user id ${uid}`;
    if ((mode & 0o002) !== 0) return 'anybody can write to it';
    return await usable(folder);
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * Makes `target` once: `build` fills a folder beside it, which then takes its name. So it is either whole or not there,
 * also when several processes make it at once (the first to finish wins) or one dies over it.
 */
export async function buildOnce(target: string, build: (folder: string) => Promise<void>): Promise<string> {
  if (await exists(target)) return target;
  const draft = `${target}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await mkdir(dirname(target), { recursive: true });
  try {
    await mkdir(draft, { mode: 0o755 });
    await build(draft);
    await rename(draft, target);
  } catch (error) {
    if (!(await exists(target))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return target;
}

export function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
