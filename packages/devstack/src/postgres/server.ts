import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { resolveOptions, text, wait, wholeNumber, type OptionRules } from '@banyan/runtime';
import { refuseWindows } from '../environment.js';
import { Child, type ChildSpec } from '../process/child.js';
import { onPort } from '../process/port.js';
import { NotReady, untilReady } from '../process/readiness.js';
import { RestartableProcess, type Launch } from '../process/restartable.js';
import { logRule, settingsRule, type LogLine } from '../start-options.js';
import { findPostgres, type PostgresBinaries } from './binaries.js';
import { openCluster, type Cluster } from './cluster.js';
import { serverUser, type ServerUser } from './user.js';

export interface StartPostgresOptions {
  /** Folder for the data and the log (`postgres.log`); made if missing. The same folder again: the same data. */
  dir: string;
  /** TCP port on 127.0.0.1. Default 0: one that is free. */
  port?: number;
  /** Settings of postgresql.conf, e.g. `{ max_connections: 50 }`, over those in `SETTINGS`. Default: none. */
  settings?: Record<string, string | number>;
  /** Told in a line which server was started. Default: nobody. */
  log?: LogLine;
}

const RULES: OptionRules<StartPostgresOptions> = {
  dir: text(),
  port: wholeNumber(0, 65_535, 0),
  settings: settingsRule(),
  log: logRule(),
};

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 200,
  shared_buffers: '128MB',
  wal_level: 'replica',
  timezone: 'UTC',
};

const READY_TIMEOUT_MS = 30_000;
const GRACE_MS = 10_000;

// A predecessor in the same folder that is still on its way out, or whose last backends are.
const STILL_STOPPING = /lock file "postmaster.pid" already exists|pre-existing shared memory block/;
const STILL_STOPPING_PATIENCE_MS = 15_000;

/** A PostgreSQL server of one's own. Superuser `postgres`, a generated password, reachable on 127.0.0.1 alone. */
export class PostgresServer extends RestartableProcess {
  readonly port: number;
  readonly dataDir: string;
  readonly version: string;
  readonly #password: string;

  constructor(launch: Launch, child: Child, facts: PostgresFacts) {
    super(launch, child);
    this.port = facts.port;
    this.dataDir = facts.cluster.dataDir;
    this.version = facts.binaries.version;
    this.#password = facts.cluster.password;
  }

  /** The address of a database of this server; by default of the one to administrate it from. */
  url(database = 'postgres'): string {
    return `postgres://postgres:${this.#password}@127.0.0.1:${this.port}/${encodeURIComponent(database)}`;
  }
}

interface PostgresFacts {
  dir: string;
  port: number;
  settings: Record<string, string | number>;
  binaries: PostgresBinaries;
  cluster: Cluster;
  user: ServerUser | undefined;
}

/**
 * Starts PostgreSQL and waits until it takes connections. It stops when this process ends, however it ends.
 *
 * @throws BanyanError BANYAN_DEVSTACK with the server's own words if it does not come up
 */
export async function startPostgres(options: StartPostgresOptions): Promise<PostgresServer> {
  refuseWindows();
  const { dir: given, port, settings, log } = resolveOptions('startPostgres', RULES, options);
  const dir = resolve(given);
  await makeFolder(dir);
  const user = await serverUser();
  const binaries = await findPostgres(user);
  const cluster = await openCluster(dir, binaries, user);
  const server = await onPort(port === 0 ? undefined : port, async (port) => {
    const facts = { dir, port, settings, binaries, cluster, user };
    const launch: Launch = (signal) => launchPostgres(facts, signal);
    return new PostgresServer(launch, await launch(new AbortController().signal), facts);
  });
  log(describe(server, binaries, user));
  return server;
}

function describe(server: PostgresServer, binaries: PostgresBinaries, user: ServerUser | undefined): string {
  const as = user === undefined ? '' : ` as user ${user.name}`;
  return `postgres ${binaries.version} from ${binaries.folder}${as}: port ${server.port}, data in ${server.dataDir}`;
}

async function makeFolder(dir: string): Promise<void> {
  const first = await mkdir(dir, { recursive: true });
  // A strict umask must not hide the folders that were just made from the server's user.
  if (first === undefined) return;
  for (let path = dir; path.length >= first.length; path = resolve(path, '..')) await chmod(path, 0o755);
}

async function launchPostgres(facts: PostgresFacts, signal: AbortSignal): Promise<Child> {
  await configure(facts);
  const deadline = performance.now() + STILL_STOPPING_PATIENCE_MS;
  for (;;) {
    try {
      return await launchOnce(facts, signal);
    } catch (error) {
      const again = error instanceof NotReady && STILL_STOPPING.test(error.log) && !signal.aborted;
      if (!again || performance.now() > deadline) throw error;
      await wait(100, signal);
    }
  }
}

async function launchOnce(facts: PostgresFacts, signal: AbortSignal): Promise<Child> {
  const child = await Child.spawn(childSpec(facts));
  const pidFile = join(facts.cluster.dataDir, 'postmaster.pid');
  await untilReady(child, () => readyIn(pidFile, child.pid), { timeoutMs: READY_TIMEOUT_MS, signal });
  return child;
}

function childSpec({ dir, port, binaries, cluster, user }: PostgresFacts): ChildSpec {
  return {
    name: `postgres on port ${port}`,
    command: join(binaries.folder, 'postgres'),
    args: ['-D', cluster.dataDir, '-c', `config_file=${cluster.configFile}`],
    cwd: '/',
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    logFile: join(dir, 'postgres.log'),
    // "Fast shutdown": ends the sessions, writes a checkpoint.
    stopSignal: 'SIGINT',
    graceMs: GRACE_MS,
    isServer: true,
    user,
  };
}

/** Settings go to a file, not to the command line, so that ALTER SYSTEM can still override them. */
async function configure({ port, settings, cluster }: PostgresFacts): Promise<void> {
  const lines = Object.entries({ ...SETTINGS, ...settings, port }).map(
    ([name, value]) => `${name} = ${quoted(String(value))}`,
  );
  const initial = `include = ${quoted(join(cluster.dataDir, 'postgresql.conf'))}`;
  await writeFile(cluster.configFile, `${[initial, ...lines].join('\n')}\n`);
  await chmod(cluster.configFile, 0o644);
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** The eighth line of postmaster.pid says whether the server with the process id of the first takes connections. */
async function readyIn(pidFile: string, pid: number): Promise<true | undefined> {
  const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n');
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready' ? true : undefined;
}
