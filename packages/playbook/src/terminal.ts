import { createInterface } from 'node:readline/promises';

/** What a command speaks to. */
export interface Terminal {
  /** A line for standard output. */
  out: (line: string) => void;
  /** A line for standard error. */
  err: (line: string) => void;
  /** Shows a line in place of the one that it showed before; '' removes it. Undefined where nobody watches. */
  progress?: (line: string) => void;
  /** Asks a person yes or no; undefined if there is none to ask. */
  confirm: ((question: string) => Promise<boolean>) | undefined;
}

/** The terminal of this process. It asks only where both input and output are a person's. */
export function processTerminal(): Terminal {
  // Nobody reads on (`banyan status | head`): a command that changes something still ends as it should.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return {
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    ...(process.stderr.isTTY ? { progress } : {}),
    confirm: process.stdin.isTTY && process.stdout.isTTY ? confirm : undefined,
  };
}

/** On standard error: what is read from standard output stays clean. Never longer than the terminal is wide. */
function progress(line: string): void {
  process.stderr.write(`\r\u001b[K${line.slice(0, process.stderr.columns - 1)}`);
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
