// Copies marked regions of docs/examples/*.ts, and of the services' own code, into the pages that name them. A page says
//   <!-- docs/examples/subscribe.ts#first -->
// before a code block; the file has `// #region first` and `// #endregion`. With --check it compares instead.
import { readFile, writeFile } from 'node:fs/promises';

const PAGES = [
  'docs/subscribe.md',
  'docs/edges/adapters.md',
  'docs/edges/comparison.md',
  'docs/edges/shadow.md',
  'docs/edges/reactions.md',
  'docs/edges/streams.md',
  'docs/edges/cache.md',
  'docs/edges/freshness.md',
  'docs/edges/declare.md',
  'README.md',
  'docs/flags.md',
  'docs/discovery.md',
];
const BLOCK =
  /(<!-- ((?:docs\/examples|services\/\w+\/src)\/[\w-]+\.ts)#([\w.-]+) -->\n<!-- prettier-ignore -->\n```ts\n)[^]*?(```\n)/g;

const root = new URL('../', import.meta.url);

function regionOf(code, name, file) {
  const lines = code.split('\n');
  const begin = lines.findIndex((line) => line.trim() === `// #region ${name}`);
  const end = lines.findIndex((line, i) => i > begin && line.trim() === '// #endregion');
  if (begin < 0 || end < 0) throw new Error(`${file} has no region ${name}`);
  const indent = lines[begin].length - lines[begin].trimStart().length;
  return lines
    .slice(begin + 1, end)
    .map((line) => line.slice(indent))
    .join('\n');
}

async function filled(page) {
  let result = page;
  for (const [whole, head, file, name, tail] of page.matchAll(BLOCK)) {
    const code = await readFile(new URL(file, root), 'utf8');
    result = result.replace(whole, () => `${head}${regionOf(code, name, file)}\n${tail}`);
  }
  return result;
}

let different = false;
for (const page of PAGES) {
  const there = await readFile(new URL(page, root), 'utf8');
  const wanted = await filled(there);
  if (there === wanted) continue;
  if (process.argv.includes('--check')) {
    console.error(`${page} shows other code than its examples have: run npm run docs`);
    different = true;
  } else await writeFile(new URL(page, root), wanted);
}
process.exit(different ? 1 : 0);
