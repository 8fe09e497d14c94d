// Removes everything that `npm run build` made.
import { readFileSync, rmSync } from 'node:fs';

const { references } = JSON.parse(readFileSync(new URL('../tsconfig.json', import.meta.url), 'utf8'));
for (const { path } of references)
  for (const made of ['dist', '.types'])
    rmSync(new URL(`../${path}/${made}`, import.meta.url), { recursive: true, force: true });
