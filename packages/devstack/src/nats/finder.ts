import { BanyanError, messageOf } from '@banyan/runtime';
import { cacheFolder } from '../cache.js';
import { setting } from '../environment.js';
import { dockerImage, type DockerImage } from './docker.js';
import { cachedProgram, givenProgram, programOnPath } from './installed.js';
import { packagedProgram } from './packages.js';
import { downloadedProgram } from './release.js';

/** How a server came to be found. */
export type NatsOrigin =
  'NATS_URL' | 'NATS_SERVER_BIN' | 'PATH' | 'cache' | 'download' | 'packages' | 'docker';

/** What to run. */
export type NatsProgram =
  { how: Exclude<NatsOrigin, 'NATS_URL' | 'docker'>; program: string } | ({ how: 'docker' } & DockerImage);

const DEFAULT_RELEASE = '2.12.7';
/** The first Debian whose nats-server is new enough. */
const DEBIAN_SUITE = 'trixie';

interface Attempt {
  how: NatsProgram['how'];
  /** Resolves with what to run, or rejects with the reason why not. */
  find: () => Promise<NatsProgram>;
}

/**
 * Looks for a nats-server of version 2.10 or later, cheapest place first: `NATS_SERVER_BIN`, the PATH, the cache, the
 * official release, Debian's or Ubuntu's packages, Docker. `BANYAN_NATS_SUITE` asks for the one of a Debian suite,
 * `BANYAN_NATS_VERSION` for a release: then places that may hold another one are left out.
 *
 * @throws BanyanError BANYAN_DEVSTACK that lists each attempt with its reason
 */
export async function findNats(): Promise<NatsProgram> {
  const failures: string[] = [];
  for (const attempt of await attempts()) {
    try {
      return await attempt.find();
    } catch (error) {
      failures.push(`${attempt.how}: ${messageOf(error)}`);
    }
  }
  throw new BanyanError('BANYAN_DEVSTACK', `no nats-server was found:\n  ${failures.join('\n  ')}`, {
    remedy:
      'Install nats-server 2.10 or later and set NATS_SERVER_BIN to it, or set NATS_URL to a server with JetStream.',
  });
}

async function attempts(): Promise<Attempt[]> {
  const cache = await cacheFolder();
  const suite = setting('BANYAN_NATS_SUITE');
  const version = setting('BANYAN_NATS_VERSION');
  const fromCache = (...origins: string[]) => program('cache', () => cachedProgram(cache, origins));
  const given = program('NATS_SERVER_BIN', givenProgram);
  const download = program('download', () => downloadedProgram(cache, version ?? DEFAULT_RELEASE));
  const packages = program('packages', () => packagedProgram(cache, suite ?? DEBIAN_SUITE));
  if (suite !== undefined) return [given, fromCache(`debian-${suite}`), packages];
  if (version !== undefined) return [given, fromCache(`release-${version}`), download];
  const docker: Attempt = { how: 'docker', find: async () => ({ how: 'docker', ...(await dockerImage()) }) };
  const path = program('PATH', programOnPath);
  return [given, path, fromCache('release', `debian-${DEBIAN_SUITE}`, 'ubuntu'), download, packages, docker];
}

function program(how: Exclude<NatsProgram['how'], 'docker'>, find: () => Promise<string>): Attempt {
  return { how, find: async () => ({ how, program: await find() }) };
}
