// Puts the pages of docs/edges together as docs/edges.md: one guide with a table of contents. With --check it compares instead.
import { readdir, readFile, writeFile } from 'node:fs/promises';

/** In the order in which an edge meets them; pages that are not named come last. */
const ORDER = [
  'declare',
  'cache',
  'shadow',
  'comparison',
  'freshness',
  'ramp',
  'reactions',
  'retired',
  'failures',
];
const HEAD = `<!-- Generated from docs/edges/*.md by \`npm run docs\`; do not edit. -->

# Edges

An edge is one caller's use of one method of another service. A query edge climbs
\`call → cache → shadow → prefer-replica → replica → retired\`, a reaction edge \`call → dual → event → retired\`, each step by
\`banyan advance\` and back by \`banyan back\`. What can go wrong stands first in each part.
`;

const folder = new URL('../docs/edges/', import.meta.url);
const target = new URL('../docs/edges.md', import.meta.url);

const rank = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
const anchorOf = (title) =>
  title
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replace(/ /g, '-');

async function pages() {
  const names = (await readdir(folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => file.slice(0, -3));
  names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(`${name}.md`, folder), 'utf8');
      return { name, text, title: text.match(/^# (.+)$/m)?.[1] ?? name };
    }),
  );
}

/** A level down; links between the pages become links within this one, and comments that fill examples go. */
function partOf({ text }, all) {
  let isCode = false;
  const lines = text.split('\n').map((line) => {
    if (line.startsWith('```')) isCode = !isCode;
    return isCode || !/^#+ /.test(line) ? line : `#${line}`;
  });
  return lines
    .join('\n')
    .replace(/<!-- (?:docs|services)\/[^\n]*-->\n/g, '')
    .replace(/\]\(([a-z-]+)\.md(#[^)]*)?\)/g, (whole, name, hash) => {
      const page = all.find((each) => each.name === name);
      return page === undefined ? whole : `](${hash ?? `#${anchorOf(page.title)}`})`;
    })
    .replaceAll('](../../', '](@@/')
    .replaceAll('](../', '](')
    .replaceAll('](@@/', '](../')
    .trim();
}

const all = await pages();
const contents = all.map(({ title }) => `- [${title}](#${anchorOf(title)})`).join('\n');
const wanted = `${[HEAD + '\n' + contents, ...all.map((page) => partOf(page, all))].join('\n\n')}\n`;
if (process.argv.includes('--check')) {
  const there = await readFile(target, 'utf8').catch(() => '');
  if (there !== wanted) console.error('docs/edges.md is not what docs/edges/*.md make: run npm run docs');
  process.exit(there === wanted ? 0 : 1);
}
await writeFile(target, wanted);
