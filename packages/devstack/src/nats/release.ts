import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '@banyan/runtime';
import { buildOnce } from '../cache.js';
import { setting } from '../environment.js';
import { outputOf } from '../process/command.js';
import { CACHED, natsVersion } from './installed.js';

const RELEASES = 'https://github.com/nats-io/nats-server/releases/download';
const CONNECT_TIMEOUT_MS = 3_000;
const DOWNLOAD_TIMEOUT_MS = 120_000;

/**
 * Downloads an official release and checks it against the checksums published with it.
 * `BANYAN_NATS_RELEASES` names a mirror with the same layout.
 *
 * @param version without the `v`
 * @returns the program
 */
export async function downloadedProgram(cache: string, version: string): Promise<string> {
  const base = `${setting('BANYAN_NATS_RELEASES') ?? RELEASES}/v${version}`;
  const name = `nats-server-v${version}-${platform()}`;
  const sums = await download(`${base}/SHA256SUMS`, CONNECT_TIMEOUT_MS);
  const archive = await download(`${base}/${name}.tar.gz`, DOWNLOAD_TIMEOUT_MS);
  verify(archive, `${name}.tar.gz`, sums.toString());
  const target = join(cache, CACHED, `release-${version}`);
  await buildOnce(target, (folder) => unpack(archive, folder));
  return join(target, 'nats-server');
}

function platform(): string {
  const systems: Partial<Record<NodeJS.Platform, string>> = { linux: 'linux', darwin: 'darwin' };
  const machines: Partial<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
  const system = systems[process.platform];
  const machine = machines[process.arch];
  if (system === undefined || machine === undefined) {
    throw new Error(`no release is known for ${process.platform} ${process.arch}`);
  }
  return `${system}-${machine}`;
}

async function download(url: string, timeoutMs: number): Promise<Buffer> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    // fetch says "fetch failed" and keeps the reason as the cause.
    const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new Error(`${url}: ${messageOf(reason)}`, { cause: error });
  }
}

/** Refuses an archive whose SHA-256 is not the one that `sums` ("<hex>  <file>" a line) gives for it. */
function verify(archive: Buffer, name: string, sums: string): void {
  const line = sums.split('\n').find((line) => line.trim().split(/\s+\*?/)[1] === name);
  if (line === undefined) throw new Error(`SHA256SUMS has no line for ${name}`);
  const published = line.trim().split(/\s+/)[0];
  const actual = createHash('sha256').update(archive).digest('hex');
  if (actual !== published)
    throw new Error(`${name} has checksum ${actual}, published is ${published ?? ''}`);
}

async function unpack(archive: Buffer, folder: string): Promise<void> {
  const file = join(folder, 'archive.tar.gz');
  await writeFile(file, archive);
  await outputOf('tar', ['-xzf', file, '-C', folder, '--strip-components=1'], { timeoutMs: 60_000 });
  await rm(file);
  await natsVersion(join(folder, 'nats-server'));
}
