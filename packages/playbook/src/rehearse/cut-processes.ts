import type { CutReport, EdgeFound } from '@banyan/control';
import { BanyanError, systemClock, wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { giveEdge } from '../edge-processes.js';

/** Calls that began while the provider was cut off may take so long to end, in ms. */
const GRACE_MS = 5_000;
const LOOK_MS = 100;

/** What a process saw; undefined: it has gone. */
export interface CutProcess {
  process: EdgeFound;
  report: CutReport | undefined;
}

/** The processes of one edge from which the provider is cut off together. */
export class CutProcesses {
  readonly #connection: NatsConnection;
  readonly #processes: readonly EdgeFound[];
  readonly #id: string;

  constructor(connection: NatsConnection, processes: readonly EdgeFound[], id: string) {
    this.#connection = connection;
    this.#processes = processes;
    this.#id = id;
  }

  /** In all of them, or in none. @throws BanyanError as a process threw it, or BANYAN_REHEARSAL_REFUSED if one has gone */
  async cutOff(forMs: number): Promise<void> {
    try {
      const reports = await this.#ask('cut-off', forMs);
      const gone = reports.find(({ report }) => report === undefined);
      if (gone === undefined) return;
      throw new BanyanError('BANYAN_REHEARSAL_REFUSED', `${gone.process.instance} has gone`);
    } catch (error) {
      await this.restore();
      throw error;
    }
  }

  look(): Promise<CutProcess[]> {
    return this.#ask('cut');
  }

  /** Ends it before its time. A process that cannot be told ends it by itself. */
  async restore(): Promise<void> {
    await Promise.allSettled(
      this.#processes.map((process) => giveEdge(this.#connection, process, { do: 'restore', id: this.#id })),
    );
  }

  /** Once it is over, and the calls that began within it have ended, or had time to. */
  async outcome(): Promise<CutProcess[]> {
    const deadlineMs = systemClock.monotonicMs() + GRACE_MS;
    for (;;) {
      const seen = await this.look();
      const isOver = seen.every(({ report }) => report === undefined || (!report.isCut && report.open === 0));
      if (isOver || systemClock.monotonicMs() > deadlineMs) return seen;
      await wait(LOOK_MS);
    }
  }

  #ask(what: 'cut-off' | 'cut', forMs = 0): Promise<CutProcess[]> {
    const id = this.#id;
    const task = what === 'cut' ? { do: what, id } : { do: what, id, forMs };
    return Promise.all(
      this.#processes.map(async (process) => {
        return { process, report: await giveEdge<CutReport>(this.#connection, process, task) };
      }),
    );
  }
}
