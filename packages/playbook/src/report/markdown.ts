import type { Cell, Page, Part, Rung } from './page.js';

/** A page in GitHub's Markdown. */
export function markdownOf({ title, about, parts }: Page): string {
  return [`# ${escaped(title)}`, escaped(about), ...parts.map(partOf)].join('\n\n');
}

function partOf(part: Part): string {
  switch (part.kind) {
    case 'heading':
      return `${'#'.repeat(part.level)} ${escaped(part.text)}`;
    case 'text':
      return escaped(part.text);
    case 'table':
      return [
        rowOf(part.header),
        rowOf(
          part.header.map(() => '---'),
          (text) => text,
        ),
        ...part.rows.map((row) => rowOf(row.map(markedOf))),
      ].join('\n');
    case 'figures':
      // Indented code: a fence could be ended by what is in it.
      return part.lines.map((line) => `    ${line}`).join('\n');
    case 'ladder':
      return part.rungs.map(rungOf).join(' → ');
  }
}

const textOf = (cell: Cell): string => (typeof cell === 'string' ? cell : cell.text);

/** Colours are lost here: what is bad news gets a sign. */
function markedOf(cell: Cell): string {
  return typeof cell !== 'string' && cell.tone === 'bad' ? `! ${cell.text}` : textOf(cell);
}

function rowOf(cells: readonly string[], write = escaped): string {
  return `| ${cells.map(write).join(' | ')} |`;
}

function rungOf({ stage, state, isTarget }: Rung): string {
  const name = state === 'here' ? `**${escaped(stage)}**` : escaped(stage);
  return isTarget ? `${name} (target)` : name;
}

/** Reasons and names are other people's words: none of them may become markup, or end a cell. */
function escaped(text: string): string {
  return text
    .replaceAll(/[\r\n]+/g, ' ')
    .replaceAll(/[\\`*_[\]|#~]/g, String.raw`\$&`)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;');
}
