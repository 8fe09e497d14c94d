import { createHash } from 'node:crypto';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../process/port.js';
import { outputOf } from '../process/command.js';
import { temporaryFolder, type TemporaryFolder } from '../temporary-folder.js';
import { findNats } from './finder.js';

let real: string;
let folder: TemporaryFolder;

beforeAll(async () => {
  const found = await findNats();
  if (found.how === 'docker') throw new Error('these tests need nats-server as a program');
  real = found.program;
});

/** Nothing of the machine is left to be found; each test adds what it is about. */
beforeEach(async () => {
  folder = await temporaryFolder();
  vi.stubEnv('NATS_SERVER_BIN', '');
  vi.stubEnv('PATH', folder.path);
  vi.stubEnv('BANYAN_NATS_SUITE', '');
  vi.stubEnv('BANYAN_CACHE_DIR', join(folder.path, 'cache'));
  vi.stubEnv('BANYAN_NATS_RELEASES', `http://127.0.0.1:${await freePort()}`);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await folder.remove();
});

async function oldServer(): Promise<string> {
  const program = join(folder.path, 'nats-server');
  await writeFile(program, '#!/bin/sh\necho nats-server: v2.9.25\n');
  await chmod(program, 0o755);
  return program;
}

describe('findNats', () => {
  it('takes NATS_SERVER_BIN before the one on the PATH', async () => {
    vi.stubEnv('PATH', dirname(real));
    vi.stubEnv('NATS_SERVER_BIN', real);
    expect(await findNats()).toEqual({ how: 'NATS_SERVER_BIN', program: real });
  });

  it('takes the one on the PATH before any that it would have to fetch', async () => {
    vi.stubEnv('PATH', `${folder.path}:${dirname(real)}`);
    expect(basename(real)).toBe('nats-server');
    expect(await findNats()).toEqual({ how: 'PATH', program: real });
  });

  it('lists every attempt with its reason, and the remedy, when there is none', async () => {
    const old = await oldServer();
    vi.stubEnv('NATS_SERVER_BIN', join(folder.path, 'missing'));
    const error: unknown = await findNats().catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'BANYAN_DEVSTACK', remedy: expect.stringContaining('NATS_URL') });
    const attempts = String(error).split('\n').slice(1);
    expect(attempts).toEqual([
      expect.stringMatching(/NATS_SERVER_BIN: .*missing.*not found/),
      expect.stringContaining(`PATH: ${old} is 2.9.25, older than 2.10`),
      expect.stringMatching(/cache: none of .* in .*cache/),
      expect.stringMatching(/download: http:.*SHA256SUMS: .*ECONNREFUSED/),
      expect.stringMatching(/packages: /),
      expect.stringMatching(/docker: .*not found/),
    ]);
  });
});

describe('the official release', () => {
  let releases: Server;
  let archive: Buffer;
  let name: string;

  beforeAll(async () => {
    const work = await temporaryFolder();
    const system = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
    name = `nats-server-v2.12.7-${system}.tar.gz`;
    const options = { timeoutMs: 30_000, cwd: dirname(dirname(real)) };
    await outputOf('tar', ['-czf', join(work.path, name), basename(dirname(real))], options);
    archive = await readFile(join(work.path, name));
    await work.remove();
  });

  /** A mirror whose checksum is that of `published`. */
  async function serve(published: Buffer): Promise<void> {
    const sum = createHash('sha256').update(published).digest('hex');
    releases = createServer((request, response) => {
      if (request.url === '/v2.12.7/SHA256SUMS') response.end(`${sum}  ${name}\n`);
      else if (request.url === `/v2.12.7/${name}`) response.end(archive);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => releases.listen(0, '127.0.0.1', resolve));
    const { port } = releases.address() as AddressInfo;
    vi.stubEnv('BANYAN_NATS_RELEASES', `http://127.0.0.1:${port}`);
    vi.stubEnv('PATH', `${folder.path}:/usr/bin:/bin`);
    vi.stubEnv('BANYAN_NATS_VERSION', '2.12.7');
  }

  afterEach(() => new Promise((resolve) => releases.close(resolve)));

  it('is downloaded once, also by two that start at the same time, and then comes from the cache', async () => {
    await serve(archive);
    const [one, other] = await Promise.all([findNats(), findNats()]);
    expect(one).toMatchObject({ how: 'download', program: expect.stringContaining('release-2.12.7') });
    expect(other).toEqual(one);
    expect(await findNats()).toEqual({ ...one, how: 'cache' });
    expect(await readdir(join(folder.path, 'cache', 'nats-server'))).toEqual(['release-2.12.7']);
  });

  it('is refused when its checksum is not the published one', async () => {
    await serve(Buffer.from('something else'));
    await expect(findNats()).rejects.toThrow(/download: .* has checksum .*, published is /);
  });
});
