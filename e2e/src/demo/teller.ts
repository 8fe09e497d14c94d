/** Says what goes on, with the time since the beginning. */
export class Teller {
  readonly #write: (text: string) => void;
  readonly #startMs = performance.now();

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  say(line: string): void {
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(1).padStart(5);
    this.#write(`${seconds} s  ${line}\n`);
  }

  chapter(name: string, what: string): void {
    this.say('');
    this.say(`▌ ${name}: ${what}`);
  }

  /** A table; the first row is the header, numbers go right. */
  table(rows: readonly (readonly (string | number)[])[]): void {
    const widths = (rows[0] ?? []).map((_, column) =>
      Math.max(...rows.map((row) => String(row[column]).length)),
    );
    for (const row of rows) {
      const cells = row.map((cell, column) => {
        const width = widths[column] ?? 0;
        return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width);
      });
      this.#write(`         ${cells.join('  ').trimEnd()}\n`);
    }
  }
}
