import { join } from 'node:path';
import { BanyanError } from '@banyan/runtime';
import { setting } from '../environment.js';
import { startNats } from '../nats/server.js';
import { startPostgres } from '../postgres/server.js';
import { temporaryFolder } from '../temporary-folder.js';

/** Where the tests of one run find their servers. */
export interface TestEngines {
  /** A PostgreSQL address whose user may create databases. */
  postgresUrl: string;
  natsUrl: string;
}

/** One of the two servers, however it came to be. */
interface Engine {
  url: string;
  /** What it is, in a few words. */
  words: string;
  stop: () => Promise<void>;
}

type StartEngine = (dir: string) => Promise<Engine>;

/** What tests lose when the machine goes down is no loss, and they create and drop many databases. */
const FAST_SETTINGS = { fsync: 'off', full_page_writes: 'off' };

/**
 * Starts, or finds, the servers of a test run. A server whose address is given (`BANYAN_TEST_POSTGRES_URL`, `NATS_URL`) is
 * used; the others run in containers if `BANYAN_TEST_MODE=containers`, else embedded.
 */
export async function startEngines(): Promise<{
  engines: TestEngines;
  words: string;
  stop: () => Promise<void>;
}> {
  const folder = await temporaryFolder();
  const [postgres, nats] = await Promise.all([
    chooseEngine(
      'BANYAN_TEST_POSTGRES_URL',
      postgresContainer,
      embeddedPostgres,
    )(join(folder.path, 'postgres')),
    chooseEngine('NATS_URL', natsContainer, embeddedNats)(join(folder.path, 'nats')),
  ]);
  const stop = async (): Promise<void> => {
    await Promise.all([postgres.stop(), nats.stop()]);
    await folder.remove();
  };
  const engines = { postgresUrl: postgres.url, natsUrl: nats.url };
  return { engines, words: `${postgres.words}; ${nats.words}`, stop };
}

function chooseEngine(variable: string, container: StartEngine, embedded: StartEngine): StartEngine {
  const url = setting(variable);
  if (url !== undefined) return () => Promise.resolve({ url, words: `url (${variable})`, stop: nothing });
  const mode = setting('BANYAN_TEST_MODE') ?? 'embedded';
  if (mode === 'containers') return container;
  if (mode === 'embedded') return embedded;
  throw new BanyanError(
    'BANYAN_OPTION_INVALID',
    `BANYAN_TEST_MODE must be embedded or containers, not ${mode}`,
  );
}

const nothing = (): Promise<void> => Promise.resolve();

async function embeddedPostgres(dir: string): Promise<Engine> {
  const server = await startPostgres({ dir, settings: FAST_SETTINGS });
  return { url: server.url(), words: `embedded PostgreSQL ${server.version}`, stop: () => server.stop() };
}

async function embeddedNats(dir: string): Promise<Engine> {
  const server = await startNats({ dir });
  const words = `embedded nats-server ${server.serverVersion} (${server.how})`;
  return { url: server.url, words, stop: () => server.stop() };
}

// Testcontainers is slow to load, so only those who ask for it do.

async function postgresContainer(): Promise<Engine> {
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql');
  const image = setting('BANYAN_POSTGRES_IMAGE') ?? 'postgres:17-alpine';
  const settings = Object.entries({ ...FAST_SETTINGS, max_connections: '200' });
  const container = await new PostgreSqlContainer(image)
    .withCommand(['postgres', ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])])
    .start();
  return stoppable(container, container.getConnectionUri(), image);
}

async function natsContainer(): Promise<Engine> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const image = setting('BANYAN_NATS_IMAGE') ?? 'nats:2.12-alpine';
  const container = await new GenericContainer(image)
    .withCommand(['-js'])
    .withExposedPorts(4222)
    .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
    .start();
  return stoppable(container, `nats://${container.getHost()}:${container.getMappedPort(4222)}`, image);
}

function stoppable(container: { stop: () => Promise<unknown> }, url: string, image: string): Engine {
  const stop = async (): Promise<void> => {
    await container.stop();
  };
  return { url, words: `container ${image}`, stop };
}
