import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildOnce, exists } from '../cache.js';
import { outputOf } from '../process/command.js';
import { CACHED, natsVersion } from './installed.js';

/** Where a distribution's packages come from. */
interface Distribution {
  suite: string;
  component: string;
  keyring: string;
}

const APT_TIMEOUT_MS = 180_000;

/**
 * Takes nats-server out of a Debian or Ubuntu package, with the machine's apt but without changing anything of it: own
 * list of sources, own lists, own cache, nothing installed. On Ubuntu from the machine's own suite.
 *
 * @param suite the Debian suite, on Debian
 * @returns the program
 */
export async function packagedProgram(cache: string, suite: string): Promise<string> {
  const { origin, distribution, codename } = await distributionOf(suite);
  if (!(await exists(distribution.keyring))) throw new Error(`${distribution.keyring} is missing`);
  const mirror = await mirrorOf(codename);
  const work = await mkdtemp(join(tmpdir(), 'banyan-apt-'));
  try {
    const { keyring, component } = distribution;
    const source = `deb [signed-by=${keyring}] ${mirror} ${distribution.suite} ${component}\n`;
    const program = await extract(work, source);
    const version = await natsVersion(program);
    const target = join(
      cache,
      CACHED,
      `${origin}-${distribution.suite}-${/^[\d.]+/.exec(version)?.[0] ?? '0.0'}`,
    );
    await buildOnce(target, (folder) => copyFile(program, join(folder, 'nats-server')));
    return join(target, 'nats-server');
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function distributionOf(suite: string) {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string) => new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(release)?.[1] ?? '';
  const origin = field('ID');
  const codename = field('VERSION_CODENAME');
  const known: Partial<Record<string, Distribution>> = {
    debian: {
      suite,
      component: 'main',
      keyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
    },
    ubuntu: {
      suite: codename,
      component: 'universe',
      keyring: '/usr/share/keyrings/ubuntu-archive-keyring.gpg',
    },
  };
  const distribution = known[origin];
  if (distribution === undefined)
    throw new Error(`only for Debian and Ubuntu, this is ${origin === '' ? 'an unknown system' : origin}`);
  return { origin, distribution, codename };
}

/** The mirror that this machine's apt uses for its own release; asked for in two ways, as a fresh one has no lists yet. */
async function mirrorOf(codename: string): Promise<string> {
  const format = '$(RELEASE) $(REPO_URI)';
  const targets = ['indextargets', '--format', format, 'Created-By: Packages'];
  const known = await outputOf('apt-get', targets, { timeoutMs: 30_000 });
  const listed = known.split('\n').find((line) => line.startsWith(`${codename} `));
  if (listed !== undefined) return listed.slice(codename.length + 1);
  const wanted = await outputOf('apt-get', ['--print-uris', 'update'], { timeoutMs: 30_000 });
  const uri = new RegExp(`^'(.+)/dists/${codename}/`, 'm').exec(wanted)?.[1];
  if (uri === undefined) throw new Error(`apt knows no mirror for ${codename}`);
  return uri;
}

async function extract(work: string, source: string): Promise<string> {
  const folders = ['lists/partial', 'cache/archives/partial', 'deb', 'root'];
  for (const folder of folders) await mkdir(join(work, folder), { recursive: true });
  await writeFile(join(work, 'sources.list'), source);
  const apt = (...args: string[]) =>
    outputOf('apt-get', [...privately(work), ...args], { timeoutMs: APT_TIMEOUT_MS, cwd: join(work, 'deb') });
  await apt('--error-on=any', 'update');
  await apt('download', 'nats-server');
  const archive = (await readdir(join(work, 'deb')))[0];
  if (archive === undefined) throw new Error('apt-get download left no package');
  await outputOf('dpkg', ['-x', join(work, 'deb', archive), join(work, 'root')], { timeoutMs: 60_000 });
  for (const place of ['usr/sbin', 'usr/bin']) {
    const program = join(work, 'root', place, 'nats-server');
    if (await exists(program)) return program;
  }
  throw new Error(`${archive} holds no nats-server program`);
}

/** What keeps apt away from the system's own state; the last line because only root can change to apt's user. */
function privately(work: string): string[] {
  const settings = [
    `Dir::Etc::SourceList=${work}/sources.list`,
    'Dir::Etc::SourceParts=/dev/null',
    'Dir::Etc::Preferences=/dev/null',
    'Dir::Etc::PreferencesParts=/dev/null',
    `Dir::State::Lists=${work}/lists`,
    'Dir::State::Status=/dev/null',
    `Dir::Cache=${work}/cache`,
    'Acquire::Languages=none',
    'Acquire::http::Timeout=10',
    'Acquire::Retries=1',
    'APT::Sandbox::User=root',
  ];
  return ['-q', ...settings.flatMap((setting) => ['-o', setting])];
}
