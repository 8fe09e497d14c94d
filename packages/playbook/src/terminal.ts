import { createInterface } from 'node:readline/promises';

/** What a command speaks to. */
export interface Terminal {
  /** A line for standard output. */
  out: (line: string) => void;
  /** A line for standard error. */
  err: (line: string) => void;
  /** Shows a line in place of the one that it showed before; '' removes it. Undefined where nobody watches. */
  progress?: (line: string) => void;
  /** How wide it is; undefined where that is not known. */
  columns?: () => number;
  /** Shows lines in place of the whole screen, cut to its size; undefined where nobody watches. */
  screen?: Screen;
  /** From the first call on, Ctrl-C aborts this signal once, in place of ending the process. */
  interrupted?: () => AbortSignal;
  /** Asks a person yes or no; undefined if there is none to ask. */
  confirm: ((question: string) => Promise<boolean>) | undefined;
}

/** A screen that is drawn again and again, in place. */
export interface Screen {
  draw: (lines: readonly string[]) => void;
  /** Leaves what was drawn last, and the cursor below it. */
  end: () => void;
}

/** The terminal of this process. It asks only where both input and output are a person's. */
export function processTerminal(): Terminal {
  // Nobody reads on (`banyan status | head`): a command that changes something still ends as it should.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return {
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    ...(process.stderr.isTTY ? { progress } : {}),
    ...(process.stdout.isTTY
      ? { screen: new DrawnScreen(process.stdout), columns: () => process.stdout.columns }
      : {}),
    interrupted: interruptedOnce(),
    confirm: process.stdin.isTTY && process.stdout.isTTY ? confirm : undefined,
  };
}

/** On standard error: what is read from standard output stays clean. Never longer than the terminal is wide. */
function progress(line: string): void {
  process.stderr.write(`\r\u001b[K${line.slice(0, process.stderr.columns - 1)}`);
}

/** Draws over what it drew before, line by line, so that nothing flickers and the scroll-back stays. */
export class DrawnScreen implements Screen {
  readonly #out: Pick<NodeJS.WriteStream, 'write' | 'columns' | 'rows'>;
  #drawn = 0;

  constructor(out: Pick<NodeJS.WriteStream, 'write' | 'columns' | 'rows'>) {
    this.#out = out;
  }

  draw(lines: readonly string[]): void {
    const { columns, rows } = this.#out;
    // The last row stays free: a line break there would scroll.
    const shown = lines.slice(0, rows - 1).map((line) => `\u001b[2K${line.slice(0, columns - 1)}\n`);
    const up = this.#drawn === 0 ? '\u001b[?25l' : `\u001b[${Math.min(this.#drawn, rows - 1)}A`;
    this.#out.write(`${up}\r${shown.join('')}\u001b[J`);
    this.#drawn = shown.length;
  }

  end(): void {
    // The terminal may have echoed a ^C below it.
    if (this.#drawn > 0) this.#out.write('\u001b[2K\r\u001b[?25h');
    this.#drawn = 0;
  }
}

function interruptedOnce(): () => AbortSignal {
  let left: AbortController | undefined;
  return () => {
    if (left !== undefined) return left.signal;
    const controller = new AbortController();
    left = controller;
    process.once('SIGINT', () => controller.abort());
    return controller.signal;
  };
}

/** Ctrl-C and Ctrl-D count as no. */
async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const left = new AbortController();
  lines.once('close', () => left.abort());
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: left.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    if (!left.signal.aborted) throw error;
    process.stdout.write('\n');
    return false;
  } finally {
    lines.close();
  }
}
