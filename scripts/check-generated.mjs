// Regenerates the contracts into a temporary folder and compares them with what is committed. Exits 1 and names the files
// that differ.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const GENERATED = 'packages/contracts/src/gen';

const scratch = mkdtempSync(join(tmpdir(), 'banyan-generated-'));
try {
  const buf = join(ROOT, 'node_modules/.bin/buf');
  execFileSync(buf, ['generate', '--output', scratch], { cwd: ROOT, stdio: 'inherit' });
  process.exitCode = report(differences(join(ROOT, GENERATED), join(scratch, GENERATED)));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Lines such as `missing teams/v1/teams.ts`. */
function differences(committed, fresh) {
  const [before, after] = [filesIn(committed), filesIn(fresh)];
  const missing = after.filter((file) => !before.includes(file)).map((file) => `missing   ${file}`);
  const left = before.filter((file) => !after.includes(file)).map((file) => `left over ${file}`);
  const changed = after.filter(
    (file) => before.includes(file) && !same(join(committed, file), join(fresh, file)),
  );
  return [...missing, ...left, ...changed.map((file) => `differs   ${file}`)];
}

function report(lines) {
  if (lines.length === 0) {
    console.log(`${GENERATED} is what proto/ generates`);
    return 0;
  }
  console.error(`${GENERATED} is not what proto/ generates; run \`npm run gen\` and commit the result:`);
  for (const line of lines) console.error(`  ${line}`);
  return 1;
}

function filesIn(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

function same(a, b) {
  return readFileSync(a).equals(readFileSync(b));
}
