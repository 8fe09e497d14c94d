import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { devFolder } from './dev-file.js';
import { PROGRAMS } from './root.js';
import type { SystemDescription } from './system.js';

/** What a development stack said and how it ended. */
export interface DevEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  lines: readonly string[];
}

/** The program behind `npm run dev` as a process of its own, in a folder of its own, for tests. */
export class DevProcess {
  /** The folder that holds its `.banyan`. */
  readonly root: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<DevEnd>;

  private constructor(root: string, child: ChildProcess, ended: Promise<DevEnd>) {
    this.root = root;
    this.#child = child;
    this.#ended = ended;
  }

  /** Starts it and waits until it says that it is ready. @throws Error with what it said if it ends instead */
  static async start(root: string): Promise<DevProcess> {
    const child = spawn(process.execPath, [PROGRAMS.dev, '--dir', root], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NATS_URL: '' },
    });
    const lines: string[] = [];
    const ready = new Promise<'ready'>((resolve) => {
      for (const input of [child.stdout, child.stderr]) {
        createInterface({ input }).on('line', (line) => {
          lines.push(line);
          if (line.startsWith('ready;')) resolve('ready');
        });
      }
    });
    const ended = new Promise<DevEnd>((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal, lines }));
    });
    if ((await Promise.race([ready, ended])) !== 'ready') throw new Error(lines.join('\n'));
    return new DevProcess(root, child, ended);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get file(): string {
    return join(devFolder(this.root), 'dev.json');
  }

  /** What `dev.json` says now. */
  async description(): Promise<SystemDescription> {
    return JSON.parse(await readFile(this.file, 'utf8')) as SystemDescription;
  }

  async end(signal: NodeJS.Signals): Promise<DevEnd> {
    this.#child.kill(signal);
    return this.#ended;
  }
}
