import { readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { exists } from '../cache.js';
import { setting } from '../environment.js';
import { outputOf } from '../process/command.js';

/** The oldest nats-server that the relay's protocol was proven on. */
export const OLDEST_NATS = '2.10';

/** Where this package keeps what it fetched: one folder for each origin and version. */
export const CACHED = 'nats-server';

/**
 * The version of a nats-server program.
 *
 * @throws Error in words if it is not one, or too old
 */
export async function natsVersion(program: string): Promise<string> {
  const said = await outputOf(program, ['--version'], { timeoutMs: 10_000 });
  const version = /v(\d+\.\d+\.\S+)/.exec(said)?.[1];
  if (version === undefined) throw new Error(`${program} says "${said.trim()}" for its version`);
  if (!isSupported(version)) throw new Error(`${program} is ${version}, older than ${OLDEST_NATS}`);
  return version;
}

/** True for a version that is at least the oldest supported one. */
export function isSupported(version: string): boolean {
  return compareVersions(version, OLDEST_NATS) >= 0;
}

/** Negative, zero or positive as `a` is older than, equal to, or newer than `b`; reads the leading numbers only. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(/[.-]/).map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The program that `NATS_SERVER_BIN` names. */
export async function givenProgram(): Promise<string> {
  const given = setting('NATS_SERVER_BIN');
  if (given === undefined) throw new Error('not set');
  await natsVersion(given);
  return given;
}

/** The first `nats-server` on the PATH. */
export async function programOnPath(): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const program = join(folder, 'nats-server');
    if (folder === '' || !(await exists(program))) continue;
    await natsVersion(program);
    return program;
  }
  throw new Error('no nats-server there');
}

/** The newest one of those fetched before whose origin is one of `origins` (`release`, `release-2.12.7`, `debian-trixie` …). */
export async function cachedProgram(cache: string, origins: readonly string[]): Promise<string> {
  const folder = join(cache, CACHED);
  const names = (await readdir(folder).catch(() => []))
    .filter((name) => origins.some((origin) => name === origin || name.startsWith(`${origin}-`)))
    .filter((name) => /^\d+(\.\d+)+$/.test(versionIn(name)))
    .sort((a, b) => compareVersions(versionIn(b), versionIn(a)));
  const newest = names[0];
  if (newest === undefined) throw new Error(`none of ${origins.join(', ')} in ${folder}`);
  const program = join(folder, newest, 'nats-server');
  await natsVersion(program);
  return program;
}

function versionIn(name: string): string {
  return name.slice(name.lastIndexOf('-') + 1);
}
