// Removes everything that `npm run build` made.
import { readFileSync, rmSync } from 'node:fs';

const { references } = JSON.parse(readFileSync(new URL('../tsconfig.json', import.meta.url), 'utf8'));
for (const { path } of references)
  rmSync(new URL(`../${path}/dist`, import.meta.url), { recursive: true, force: true });
