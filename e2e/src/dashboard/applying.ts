import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PROGRAMS } from '../root.js';

/** A line of `banyan apply --json`. */
export interface Told {
  kind?: string;
  step?: string;
}

/** `banyan apply` in a process of its own, which is listened to. */
export class Applying {
  readonly told: Told[] = [];
  /** Its exit code; null: it was killed. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(playbook: string, { natsUrl, postpone }: { natsUrl: string; postpone: string }) {
    const args = ['apply', playbook, '--yes', '--json', '--by', 'walker', '--postpone', postpone];
    const child = spawn(process.execPath, [PROGRAMS.banyan, ...args], {
      env: { ...process.env, NATS_URL: natsUrl },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    this.ended = once(child, 'close').then(([code]: (number | null)[]) => code ?? null);
    createInterface({ input: child.stdout }).on('line', (line) => this.told.push(JSON.parse(line) as Told));
  }

  /** What it has told so far, a word or two each. */
  get story(): string[] {
    return this.told.flatMap(({ kind, step }) =>
      kind === undefined ? [] : [`${kind} ${step ?? ''}`.trim()],
    );
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
