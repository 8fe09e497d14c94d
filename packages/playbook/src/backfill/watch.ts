import type { BackfillReport } from '@banyan/contracts';
import { isBanyanError, wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Terminal } from '../terminal.js';
import { behind, giveBackfill } from './backfill-client.js';
import { progressLine, Rate } from './progress.js';
import { collectSubscribers, type Target } from './targets.js';

/** How often it asks, and how often it writes a line where none can be overwritten, in ms. */
const LOOK_MS = 500;
const LINE_MS = 10_000;

/** For so long the source may have no process that answers, as while it is deployed, in ms. */
const ABSENCE_MS = 120_000;

export interface WatchOptions {
  terminal: Terminal;
  /** Say nothing on the way. */
  quiet: boolean;
  by: string;
}

/** Follows a backfill until it is done, failed or cancelled; one that is paused is waited for. */
export async function follow(
  connection: NatsConnection,
  target: Target,
  options: WatchOptions,
): Promise<BackfillReport> {
  const shown = new Shown(options);
  const rate = new Rate();
  const source = new PatientSource(connection, target, options.by);
  for (;;) {
    const report = await source.status();
    if (report === undefined) {
      shown.show(`${target.source}/${target.aggregate}  no process of ${target.source} answers`, 'absent');
      await wait(LOOK_MS);
      continue;
    }
    const line = progressLine(report, rate.note(report.emitted, performance.now()));
    if (report.state !== 'running' && report.state !== 'paused') {
      shown.end(line);
      return report;
    }
    shown.show(line, report.state);
    await wait(LOOK_MS);
  }
}

/** Waits until the subscribers have applied all of a backfill. */
export async function untilApplied(
  connection: NatsConnection,
  target: Target,
  { subscribers, ...options }: WatchOptions & { subscribers: readonly string[] },
): Promise<void> {
  const shown = new Shown(options);
  const source = new PatientSource(connection, target, options.by);
  for (;;) {
    const report = await source.status();
    const late =
      report?.end === undefined ? [] : behind(report, subscribers, await collectSubscribers(connection));
    if (report?.end !== undefined && late.length === 0) {
      shown.end(`${target.source}/${target.aggregate}  applied by ${subscribers.join(', ')}`);
      return;
    }
    const whom = report?.end === undefined ? 'the relay' : late.join(', ');
    shown.show(`${target.source}/${target.aggregate}  waits for ${whom}`, whom);
    await wait(LOOK_MS);
  }
}

/** Asks a source whose processes may all be away for a while: what they do is in their database. */
class PatientSource {
  readonly #ask: () => Promise<BackfillReport>;
  #answeredMs = performance.now();

  constructor(connection: NatsConnection, target: Target, by: string) {
    this.#ask = () => giveBackfill(connection, target, { do: 'status', by });
  }

  /** Undefined: nobody answers at present. */
  async status(): Promise<BackfillReport | undefined> {
    try {
      const report = await this.#ask();
      this.#answeredMs = performance.now();
      return report;
    } catch (error) {
      const away = isBanyanError(error, 'BANYAN_BACKFILL_UNREACHABLE');
      if (!away || performance.now() - this.#answeredMs > ABSENCE_MS) throw error;
      return undefined;
    }
  }
}

/** A line that changes in place where somebody watches, else a line now and then and at each change of what matters. */
class Shown {
  readonly #options: WatchOptions;
  #what: string | undefined;
  #lineMs = -Infinity;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  show(line: string, what: string): void {
    const { terminal, quiet } = this.#options;
    if (quiet) return;
    if (terminal.progress !== undefined) {
      terminal.progress(line);
      return;
    }
    if (what === this.#what && performance.now() - this.#lineMs < LINE_MS) return;
    this.#what = what;
    this.#lineMs = performance.now();
    terminal.out(line);
  }

  end(line: string): void {
    const { terminal, quiet } = this.#options;
    if (quiet) return;
    terminal.progress?.('');
    terminal.out(line);
  }
}
