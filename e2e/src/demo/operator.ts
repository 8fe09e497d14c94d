import { execFile } from 'node:child_process';
import { PROGRAMS } from '../root.js';

/** What a run of the `banyan` command said. */
export interface CommandAnswer {
  /** 0 done, 1 failed, 2 not yet. */
  exitCode: number;
  answer: Record<string, unknown>;
}

/** Runs the `banyan` command as an operator would, as a process of its own. */
export class Operator {
  readonly #natsUrl: string;

  constructor(natsUrl: string) {
    this.#natsUrl = natsUrl;
  }

  /** @throws Error if the command printed no object */
  run(...args: string[]): Promise<CommandAnswer> {
    const all = [PROGRAMS.banyan, ...args, '--json', '--nats', this.#natsUrl];
    return new Promise((resolve, reject) => {
      execFile(process.execPath, all, (error, stdout, stderr) => {
        const line = stdout.trim().split('\n').at(-1) ?? '';
        const exitCode = error === null ? 0 : Number(error.code ?? 1);
        try {
          resolve({ exitCode, answer: JSON.parse(line) as Record<string, unknown> });
        } catch {
          reject(new Error(`banyan ${args.join(' ')} exited with ${exitCode}: ${stdout}${stderr}`));
        }
      });
    });
  }

  /** @throws Error unless it exits with 0 */
  async mustRun(...args: string[]): Promise<void> {
    const { exitCode, answer } = await this.run(...args);
    if (exitCode !== 0)
      throw new Error(`banyan ${args.join(' ')} exited with ${exitCode}: ${JSON.stringify(answer)}`);
  }
}
