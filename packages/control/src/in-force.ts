import type { NatsConnection } from '@nats-io/nats-core';
import { systemClock, wait } from '@banyan/runtime';
import { collectReports } from './collect-reports.js';
import type { ProcessReport } from './report.js';

const FIRST_WAIT_MS = 250;
const LAST_WAIT_MS = 1_000;

export interface ChangeInForce {
  /** The processes that run the change and have it on disk, each with the time from the write until it was seen to, in ms. */
  inForce: { process: string; ms: number }[];
  /** The processes known to be concerned that did not run it in time, and what is known of them. */
  missing: { process: string; why: string }[];
}

export interface InForceParts<R> {
  startedMs: number;
  /** The part of a process's report that the change is about; undefined: it is not concerned. */
  reportOf: (process: ProcessReport) => R | undefined;
  /** What keeps the change from being in force there; undefined: nothing. */
  notYet: (report: R) => string | undefined;
}

/** Which processes run a change already, and what the others last said. */
export class InForce<R> {
  readonly inForce: ChangeInForce['inForce'] = [];
  readonly #left = new Map<string, string>();
  readonly #parts: InForceParts<R>;

  constructor(known: readonly ProcessReport[], parts: InForceParts<R>) {
    this.#parts = parts;
    for (const process of known) {
      if (parts.reportOf(process) === undefined) continue;
      this.#left.set(process.instance, 'has not answered since the change');
    }
  }

  get missing(): ChangeInForce['missing'] {
    return [...this.#left].map(([process, why]) => ({ process, why }));
  }

  /** Asks again and again, at first every few ms: most changes are in force at once. A busy process is given longer each time. */
  async until(deadlineMs: number, connection: NatsConnection): Promise<void> {
    let pauseMs = 2;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(LAST_WAIT_MS, waitMs * 2)) {
      const leftMs = deadlineMs - systemClock.monotonicMs();
      if (this.#left.size === 0 || leftMs <= 0) return;
      const asked = { waitMs: Math.min(waitMs, Math.ceil(leftMs)), instances: [...this.#left.keys()] };
      for (const report of await collectReports(connection, { ...asked, brief: true })) this.#note(report);
      await wait(this.#left.size === 0 ? 0 : pauseMs);
      pauseMs = Math.min(250, pauseMs * 1.5);
    }
  }

  #note(process: ProcessReport): void {
    const { startedMs, reportOf, notYet } = this.#parts;
    const report = reportOf(process);
    if (report === undefined || !this.#left.has(process.instance)) return;
    const why = notYet(report);
    if (why !== undefined) {
      this.#left.set(process.instance, why);
      return;
    }
    this.#left.delete(process.instance);
    const ms = Math.round(systemClock.monotonicMs() - startedMs);
    this.inForce.push({ process: process.instance, ms });
  }
}
