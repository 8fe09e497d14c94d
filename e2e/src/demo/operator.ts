import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PROGRAMS } from '../root.js';

/** Runs the `banyan` command as an operator would, as a process of its own. */
export class Operator {
  readonly #natsUrl: string;
  readonly #say: (line: string) => void;

  /** @param say told each line that the command prints */
  constructor(natsUrl: string, say: (line: string) => void) {
    this.#natsUrl = natsUrl;
    this.#say = say;
  }

  /** @throws Error unless it exits with 0 */
  async run(...args: string[]): Promise<void> {
    this.#say(`$ banyan ${args.map((arg) => (arg.includes(' ') ? JSON.stringify(arg) : arg)).join(' ')}`);
    const child = spawn(process.execPath, [PROGRAMS.banyan, ...args, '--nats', this.#natsUrl]);
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => this.#say(`  ${line}`));
    const [exitCode] = (await once(child, 'close')) as [number | null];
    if (exitCode !== 0) throw new Error(`banyan ${args.join(' ')} exited with ${exitCode}`);
  }
}
