import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BanyanError, messageOf } from '@banyan/runtime';
import { outputOf } from '../process/command.js';

/** The user that the PostgreSQL server runs as, where that is not the present one. */
export interface ServerUser {
  name: string;
  uid: number;
  gid: number;
}

const CANDIDATES = ['postgres', 'nobody'];

/**
 * PostgreSQL refuses to run as root. So root runs it as the first of `postgres` and `nobody` that the machine knows;
 * anybody else runs it as themselves (undefined).
 */
export async function serverUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const reasons: string[] = [];
  for (const name of CANDIDATES) {
    try {
      return { name, uid: await idOf('-u', name), gid: await idOf('-g', name) };
    } catch (error) {
      reasons.push(messageOf(error));
    }
  }
  throw new BanyanError('BANYAN_DEVSTACK', `PostgreSQL cannot run as root: ${reasons.join('; ')}`, {
    remedy: 'Run as an ordinary user, or add a system user named postgres.',
  });
}

async function idOf(which: '-u' | '-g', name: string): Promise<number> {
  return Number(await outputOf('id', [which, name], { timeoutMs: 5_000 }));
}

/** Why the user cannot reach what lies in `folder`: the first folder on the way that is closed to it; undefined if it can. */
export async function closedTo(user: ServerUser | undefined, folder: string): Promise<string | undefined> {
  if (user === undefined) return undefined;
  const { uid, gid, mode } = await stat(folder);
  const needed = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  if ((mode & needed) === 0) return `${folder} is closed to the user ${user.name}`;
  const above = dirname(folder);
  return above === folder ? undefined : closedTo(user, above);
}
