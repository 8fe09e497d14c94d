import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { wait } from '@banyan/runtime';
import type { SourceRelayConfig } from '@banyan/relay';
import type { Client } from 'pg';
import type { TransactionalOutboxKind } from './peers/transactional-outbox.js';

/** What a process has used since it started. */
export interface Usage {
  cpuMs: number;
  maxRssBytes: number;
}

/** `banyan` is the relay; the others are those that it is held against. */
export type RelayKind = 'banyan' | 'row-by-row' | TransactionalOutboxKind;

/** A relay as a process of its own, so that what it uses can be told from what the benchmark uses. */
export class RelayChild {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(kind: RelayKind, config: SourceRelayConfig): Promise<RelayChild> {
    const program = fileURLToPath(new URL('relay-child.js', import.meta.url));
    const child = fork(program, [kind, JSON.stringify(config)]);
    await once(child, 'message');
    return new RelayChild(child);
  }

  async usage(): Promise<Usage> {
    const answer = once(this.#child, 'message');
    this.#child.send('usage');
    const [usage] = (await answer) as [Usage];
    return usage;
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** Resolves when the stream has acknowledged position n, as noted in the source's database. */
export async function untilAcked(client: Client, n: number): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ acked_n: string }>('select acked_n from banyan.source');
    if (Number(rows[0]?.acked_n) >= n) return;
    await wait(20);
  }
}
