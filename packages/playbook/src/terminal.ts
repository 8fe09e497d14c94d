import { createInterface } from 'node:readline/promises';

/** What a command speaks to. */
export interface Terminal {
  /** A line for standard output. */
  out: (line: string) => void;
  /** A line for standard error. */
  err: (line: string) => void;
  /** Asks a person yes or no; undefined if there is none to ask. */
  confirm: ((question: string) => Promise<boolean>) | undefined;
}

/** The terminal of this process. It asks only where both input and output are a person's. */
export function processTerminal(): Terminal {
  return {
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    confirm: process.stdin.isTTY && process.stdout.isTTY ? confirm : undefined,
  };
}

async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await lines.question(`${question} [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
