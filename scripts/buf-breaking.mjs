// Looks for changes of the .proto files that break those who speak the old ones. Compares with the first of these that
// exists, is not the commit checked out, and holds protos: origin/main, main, the commit before; with the commit checked out
// itself if there is no other (then only uncommitted changes are judged). Says so when there is nothing to compare with, as
// in a fresh clone of depth 1 or outside git.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');

const base = findBase();
if (base === undefined) {
  console.log('buf breaking: nothing to compare with (no commit at hand that holds protos)');
} else {
  process.exitCode = compareWith(base);
}

function findBase() {
  const head = commitOf('HEAD');
  const others = ['origin/main', 'main', 'HEAD~1'].map((ref) => ({ ref, commit: commitOf(ref) }));
  const candidates = [...others.filter(({ commit }) => commit !== head), { ref: 'HEAD', commit: head }];
  return candidates.find(({ commit }) => commit !== undefined && holdsProtos(commit));
}

function compareWith({ ref, commit }) {
  const scratch = mkdtempSync(join(tmpdir(), 'banyan-breaking-'));
  try {
    const archive = join(scratch, 'base.tar');
    git('archive', '--format=tar', `--output=${archive}`, commit, 'proto', 'buf.yaml');
    const reach = ref === 'HEAD' ? ': only uncommitted changes are judged' : '';
    console.log(`buf breaking: comparing with ${ref} (${commit.slice(0, 10)})${reach}`);
    const buf = join(ROOT, 'node_modules/.bin/buf');
    return spawnSync(buf, ['breaking', '--against', archive], { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function commitOf(ref) {
  return git('rev-parse', '--verify', '--quiet', `${ref}^{commit}`);
}

function holdsProtos(commit) {
  const files = git('ls-tree', '-r', '--name-only', commit, 'proto', 'buf.yaml')?.split('\n') ?? [];
  return files.includes('buf.yaml') && files.some((file) => file.endsWith('.proto'));
}

/** What git prints, trimmed; undefined if it fails. */
function git(...args) {
  try {
    const out = execFileSync('git', args, {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return out.trim();
  } catch {
    return undefined;
  }
}
