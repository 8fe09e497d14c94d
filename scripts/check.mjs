// Everything that a reviewer would run, in one go: `npm run check`. Goes on after a failure, and lists them at the end.
import { spawnSync } from 'node:child_process';

const STEPS = [
  ['build', 'npm run --silent build'],
  ['types of the tests', 'npx tsc -p tsconfig.tests.json'],
  ['format', 'npm run --silent format:check'],
  ['lint and import direction', 'npm run --silent lint'],
  ['protobuf lint', 'npm run --silent buf:lint'],
  ['protobuf breaking changes', 'npm run --silent buf:breaking'],
  ['generated code', 'npm run --silent gen:check'],
  ['generated docs', 'npm run --silent docs:check'],
  ['tests', 'npx vitest run'],
];

const failed = [];
for (const [name, command] of STEPS) {
  const startMs = performance.now();
  console.log(`\n▶ ${name}: ${command}`);
  const { status } = spawnSync(command, {
    shell: true,
    stdio: 'inherit',
    cwd: new URL('..', import.meta.url),
  });
  console.log(`${status === 0 ? '✔' : '✘'} ${name} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`);
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`\nFailed: ${failed.join(', ')}`);
  process.exit(1);
}
console.log('\nAll checks passed.');
