import type { Cell, Page, Part, Rung } from './page.js';
import { STYLE } from './style.js';

/** A page as one HTML document that needs nothing else: no script, no font, no picture from anywhere. */
export function htmlOf({ title, about, parts }: Page): string {
  // Even if something slipped through the escaping, the browser is told to load and run nothing.
  const policy = "default-src 'none'; style-src 'unsafe-inline'";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p class="about">${escaped(about)}</p>
${parts.map(partOf).join('\n')}
</main>
</body>
</html>
`;
}

function partOf(part: Part): string {
  switch (part.kind) {
    case 'heading':
      return `<h${part.level}>${escaped(part.text)}</h${part.level}>`;
    case 'text':
      return `<p>${escaped(part.text)}</p>`;
    case 'table':
      return tableOf(part.header, part.rows);
    case 'figures':
      return `<pre>${part.lines.map(escaped).join('\n')}</pre>`;
    case 'ladder':
      return `<ol class="ladder">${part.rungs.map(rungOf).join('')}</ol>`;
  }
}

function tableOf(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const head = header.map((text) => `<th scope="col">${escaped(text)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map(cellOf).join('')}</tr>`).join('\n');
  return `<div class="wide"><table><thead><tr>${head}</tr></thead>\n<tbody>\n${body}\n</tbody></table></div>`;
}

function cellOf(cell: Cell): string {
  if (typeof cell === 'string') return `<td>${escaped(cell)}</td>`;
  return `<td><span class="${cell.tone}">${escaped(cell.text)}</span></td>`;
}

function rungOf({ stage, state, isTarget }: Rung): string {
  const current = state === 'here' ? ' aria-current="step"' : '';
  const target = isTarget ? ' <small>target</small>' : '';
  return `<li class="${state}"${current}>${escaped(stage)}${target}</li>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
