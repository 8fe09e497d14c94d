#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/main.js', import.meta.url);

if (existsSync(fileURLToPath(main))) {
  const { runInTerminal } = await import(main.href);
  await runInTerminal();
} else {
  console.error('banyan is not built yet: run `npm run build` at the root of the repository.');
  process.exitCode = 1;
}
