import { execFile } from 'node:child_process';
import { wait } from '@banyan/runtime';
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
  readonly #maxDisagreement: number;

  /** @param maxDisagreement the share of the answers that may differ, of which the gates have to be sure */
  constructor(natsUrl: string, maxDisagreement: number) {
    this.#natsUrl = natsUrl;
    this.#maxDisagreement = maxDisagreement;
  }

  run(...args: string[]): Promise<CommandAnswer> {
    const gate = ['--max-disagreement', String(this.#maxDisagreement)];
    const all = [PROGRAMS.banyan, ...args, ...gate, '--json', '--nats', this.#natsUrl];
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

  /** Advances an edge as soon as its gate passes. @throws Error if the gate fails, or does not pass in time */
  async advance(edge: string, timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const { exitCode, answer } = await this.run('advance', edge, '--yes');
      if (exitCode === 0) return;
      if (exitCode !== 2 || performance.now() > deadlineMs) {
        throw new Error(`banyan advance exited with ${exitCode}: ${JSON.stringify(answer)}`);
      }
      await wait(500);
    }
  }

  async back(edge: string): Promise<void> {
    const { exitCode, answer } = await this.run('back', edge, '--yes');
    if (exitCode !== 0) throw new Error(`banyan back exited with ${exitCode}: ${JSON.stringify(answer)}`);
  }
}
