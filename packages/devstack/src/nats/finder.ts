import { BanyanError, messageOf } from '@banyan/runtime';
import { cacheFolder, isSet } from '../cache.js';
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

interface Attempt {
  how: NatsProgram['how'];
  /** Resolves with what to run, or rejects with the reason why not. */
  find: () => Promise<NatsProgram>;
}

/**
 * Looks for a nats-server of version 2.10 or later, cheapest place first: `NATS_SERVER_BIN`, the PATH, the cache, the
 * official release, Debian's or Ubuntu's packages, Docker. `BANYAN_NATS_SUITE` asks for the one of a Debian suite: then
 * only `NATS_SERVER_BIN`, the cache and the packages count.
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
  const given = process.env['BANYAN_NATS_SUITE'];
  const suite = isSet(given) ? given : undefined;
  const all = [
    program('NATS_SERVER_BIN', givenProgram),
    program('PATH', programOnPath),
    program('cache', () => cachedProgram(cache, suite)),
    program('download', () => downloadedProgram(cache)),
    program('packages', () => packagedProgram(cache, suite)),
    { how: 'docker', find: async () => ({ how: 'docker', ...(await dockerImage()) }) } satisfies Attempt,
  ];
  const ofSuite: NatsOrigin[] = ['NATS_SERVER_BIN', 'cache', 'packages'];
  return suite === undefined ? all : all.filter(({ how }) => ofSuite.includes(how));
}

function program(how: Exclude<NatsProgram['how'], 'docker'>, find: () => Promise<string>): Attempt {
  return { how, find: async () => ({ how, program: await find() }) };
}
