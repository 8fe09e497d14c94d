import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exists } from '../cache.js';
import { outputOf } from '../process/command.js';

/** Where a distribution's packages come from. */
interface Distribution {
  suite: string;
  components: string;
  keyring: string;
}

const APT_TIMEOUT_MS = 180_000;

/** Packages whose files are there to be copied from. */
export interface Unpacked {
  /** Where they were unpacked to: `usr/bin` and so on are below it. */
  root: string;
  /** The distribution and its suite, for the name of what is kept: `debian-trixie`. */
  origin: string;
}

export interface UnpackRequest {
  /** The Debian suite to take them from, on Debian; default: the machine's own. On Ubuntu always the machine's own. */
  suite?: string;
  packages: readonly string[];
  /** Also those of the packages' direct dependencies whose names match. */
  dependencies?: RegExp;
}

/**
 * Unpacks Debian or Ubuntu packages with the machine's apt but without changing anything of it: own list of sources, own
 * lists, own cache, nothing installed. They are gone when `use` has ended.
 */
export async function withUnpacked<T>(
  { suite, packages, dependencies }: UnpackRequest,
  use: (unpacked: Unpacked) => Promise<T>,
): Promise<T> {
  const { origin, distribution, codename } = await distributionOf(suite);
  if (!(await exists(distribution.keyring))) throw new Error(`${distribution.keyring} is missing`);
  const mirror = await mirrorOf(codename);
  const work = await mkdtemp(join(tmpdir(), 'banyan-apt-'));
  try {
    const { keyring, components } = distribution;
    const source = `deb [signed-by=${keyring}] ${mirror} ${distribution.suite} ${components}\n`;
    await unpack(work, source, { packages, dependencies });
    return await use({ root: join(work, 'root'), origin: `${origin}-${distribution.suite}` });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function distributionOf(suite?: string) {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string) => new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(release)?.[1] ?? '';
  const origin = field('ID');
  const codename = field('VERSION_CODENAME');
  const known: Partial<Record<string, Distribution>> = {
    debian: {
      suite: suite ?? codename,
      components: 'main',
      keyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
    },
    ubuntu: {
      suite: codename,
      components: 'main universe',
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

async function unpack(
  work: string,
  source: string,
  { packages, dependencies }: { packages: readonly string[]; dependencies: RegExp | undefined },
): Promise<void> {
  const folders = ['lists/partial', 'cache/archives/partial', 'deb', 'root'];
  for (const folder of folders) await mkdir(join(work, folder), { recursive: true });
  await writeFile(join(work, 'sources.list'), source);
  const apt = (program: string, ...args: string[]) =>
    outputOf(program, [...privately(work), ...args], { timeoutMs: APT_TIMEOUT_MS, cwd: join(work, 'deb') });
  await apt('apt-get', '--error-on=any', 'update');
  const said = dependencies === undefined ? '' : await apt('apt-cache', 'depends', ...packages);
  const more = [...said.matchAll(/Depends: (\S+)/g)].map(([, name = '']) => name);
  const wanted = new Set([...packages, ...more.filter((name) => dependencies?.test(name))]);
  await apt('apt-get', 'download', ...wanted);
  const archives = await readdir(join(work, 'deb'));
  if (archives.length === 0) throw new Error('apt-get download left no package');
  for (const archive of archives) {
    await outputOf('dpkg', ['-x', join(work, 'deb', archive), join(work, 'root')], { timeoutMs: 60_000 });
  }
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
