import type { EdgeOverview, GateTermsFor } from '@banyan/control';
import { isBanyanError, wait } from '@banyan/runtime';
import { ClosedConnectionError, type NatsConnection } from '@nats-io/nats-core';
import { lookAt, reach, type ControlPlane } from '../control-plane.js';
import { inForce, showNext, stageText } from '../show-edge.js';
import type { Terminal } from '../terminal.js';

export interface StatusWatch {
  server: string;
  termsFor: GateTermsFor;
  everyMs: number;
  terminal: Terminal;
  /** One object a line in place of text. */
  json: boolean;
  /** What is to be shown of one look. */
  show: (plane: ControlPlane) => Promise<{ json: { edges: EdgeOverview[] }; lines: string[] }>;
}

/** Looks until Ctrl-C. A broker that goes away meanwhile is told, and asked again; one that is not there at first is an error. */
export async function watchStatus(watch: StatusWatch): Promise<void> {
  const signal = watch.terminal.interrupted?.() ?? new AbortController().signal;
  const looks = new Looks(watch);
  const { screen } = watch.terminal;
  try {
    while (!signal.aborted) {
      await looks.runOnce();
      await wait(watch.everyMs, signal);
    }
  } finally {
    if (!watch.json) screen?.end();
    await looks.close();
  }
}

/** One look after the other, over one connection for as long as it lasts. */
class Looks {
  readonly #watch: StatusWatch;
  readonly #told = new Map<string, string>();
  #connection: NatsConnection | undefined;
  #shown: string[] = [];
  #reached = false;

  constructor(watch: StatusWatch) {
    this.#watch = watch;
  }

  async runOnce(): Promise<void> {
    try {
      this.#connection ??= await reach(this.#watch.server);
      const found = await this.#watch.show(await lookAt(this.#connection, this.#watch.termsFor));
      this.#reached = true;
      this.#tell(found);
    } catch (error) {
      if (!this.#reached || !isAway(error)) throw error;
      await this.close();
      this.#tellAway(error);
    }
  }

  async close(): Promise<void> {
    await this.#connection?.close();
    this.#connection = undefined;
  }

  #tell({ json, lines }: { json: { edges: EdgeOverview[] }; lines: string[] }): void {
    const { terminal } = this.#watch;
    const at = new Date().toISOString();
    if (this.#watch.json) terminal.out(JSON.stringify({ ok: true, at, ...json }));
    else if (terminal.screen !== undefined) {
      this.#shown = lines;
      terminal.screen.draw([`${at}  (Ctrl-C ends it)`, '', ...lines]);
    } else this.#tellChanges(at, json.edges);
  }

  /** In a log only what is new: a line an edge whose stage, processes or outlook have changed. */
  #tellChanges(at: string, edges: readonly EdgeOverview[]): void {
    this.#told.delete('');
    for (const edge of edges) {
      const state = [stageText(edge), edge.change, inForce(edge), edge.next?.outcome].join(' ');
      if (this.#told.get(edge.edge) === state) continue;
      this.#told.set(edge.edge, state);
      const standing = `${stageText(edge)} (change ${edge.change}, in force ${inForce(edge)})`;
      this.#watch.terminal.out(`${at} ${edge.edge}: ${standing}; ${showNext(edge)}`);
    }
  }

  #tellAway(error: Error): void {
    const { terminal, json } = this.#watch;
    const line = `${new Date().toISOString()} ${error.message}; asking again`;
    if (!json && terminal.screen !== undefined) terminal.screen.draw([line, '', ...this.#shown]);
    else if (this.#told.get('') !== error.message) terminal.err(line);
    this.#told.set('', error.message);
  }
}

function isAway(error: unknown): error is Error {
  return isBanyanError(error, 'BANYAN_CONTROL_UNREACHABLE') || error instanceof ClosedConnectionError;
}
