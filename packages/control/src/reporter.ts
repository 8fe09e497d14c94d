import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import {
  messageOf,
  resolveOptions,
  silentLogger,
  text,
  wait,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';
import { connectionRule, loggerRule, type Connection } from './connection.js';
import type { EdgeTask } from './edge-task/edge-task.js';
import { EdgeTaskService, type EdgePerforming } from './edge-task/edge-task-service.js';
import type { FlagReport } from './flag/flag-set.js';
import type { LedgerReport } from './ledger/ledger-report.js';
import type { EdgeReport, ProcessReport, TombstoneReport } from './report.js';

/** Core NATS subject on which every process answers with its report. */
export const REPORT_SUBJECT = 'banyan.control.report';

/** What is asked for: everything but ledgers · without the evidence · ledgers, without the evidence. */
export type ReportQuestion = 'all' | 'brief' | 'ledgers';

/** Something that can report on an edge. */
export interface EdgeReporting extends Partial<EdgePerforming> {
  /** @param detail false: leave the evidence out */
  report: (detail: boolean) => EdgeReport;
  /** Asks others for what a detailed report tells of them, just before it is made. It may take 200 ms; must not reject. */
  refresh?: () => Promise<void>;
}

/** Whoever asks waits for 500 ms. */
const REFRESH_MS = 200;

/** Something that can report on the callers of one method. */
export interface TombstoneReporting {
  report: () => TombstoneReport;
}

/** Something that can report on flags. */
export interface FlagReporting {
  /** undefined: there are none to follow. */
  report: () => FlagReport[] | undefined;
}

/** Something that can report on ledgers. */
export interface LedgerReporting {
  report: () => LedgerReport;
}

export interface ReporterOptions {
  /** The process's one connection, or the promise of it. */
  connection: Connection;
  /** The service that this process belongs to, e.g. `tasks`. */
  service: string;
  /** Unlike any other process's; default made of host, pid and chance. */
  instance?: string;
  edges: readonly EdgeReporting[];
  /** Tombstones of the methods that this process serves; default none. */
  tombstones?: readonly TombstoneReporting[];
  /** The process's flags: `stages.flags`. Default: it reports none. */
  flags?: FlagReporting;
  /** The process's ledgers, `{ report: () => ({ client: ledger.report() }) }`. Default: it keeps none. */
  ledgers?: LedgerReporting;
  logger?: Logger;
}

const RULES: OptionRules<ReporterOptions> = {
  connection: connectionRule,
  service: text(),
  instance: text('made'),
  edges: {
    must: 'a list of edges',
    check: (value): value is readonly EdgeReporting[] => Array.isArray(value),
  },
  tombstones: {
    fallback: [],
    must: 'a list of tombstones',
    check: (value): value is readonly TombstoneReporting[] => Array.isArray(value),
  },
  flags: {
    fallback: { report: () => undefined },
    must: 'the flags of a stage watch',
    check: (value): value is FlagReporting =>
      typeof value === 'object' && value !== null && 'report' in value,
  },
  ledgers: {
    fallback: { report: () => ({}) },
    must: 'what reports on ledgers',
    check: (value): value is LedgerReporting =>
      typeof value === 'object' && value !== null && 'report' in value,
  },
  logger: loggerRule(silentLogger),
};

/**
 * Answers requests for this process's report, and hands operators' tasks to its edges. Answering is all it does; nobody
 * asking costs nothing.
 */
export class Reporter {
  readonly #options: Required<ReporterOptions>;
  readonly #tasks: EdgeTaskService[] = [];
  #subscription: Subscription | undefined;
  #stopped = false;

  constructor(options: ReporterOptions) {
    const instance = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
    this.#options = resolveOptions('reporter', RULES, { instance, ...options });
  }

  /**
   * Begins to answer. Resolves once the broker knows of it; without a broker that may be long after, so do not wait for it
   * on the way to serving. It never rejects: a connection that fails for good is logged.
   */
  async start(): Promise<void> {
    try {
      await this.#listen(await this.#options.connection);
    } catch (error) {
      this.#options.logger.error('cannot answer for reports', { error: messageOf(error) });
    }
  }

  async #listen(connection: NatsConnection): Promise<void> {
    if (this.#stopped || this.#subscription !== undefined) return;
    this.#subscription = connection.subscribe(REPORT_SUBJECT, {
      callback: (error, message) => {
        if (error === null) void this.#answer(message);
      },
    });
    this.#takeTasks(connection);
    await connection.flush();
  }

  stop(): void {
    this.#stopped = true;
    this.#subscription?.unsubscribe();
    for (const tasks of this.#tasks.splice(0)) tasks.stop();
  }

  async #refresh(): Promise<void> {
    const refreshes = this.#options.edges.flatMap((edge) => edge.refresh?.() ?? []);
    if (refreshes.length > 0) await Promise.race([Promise.all(refreshes), wait(REFRESH_MS)]);
  }

  #takeTasks(connection: NatsConnection): void {
    const { edges, logger, service, instance } = this.#options;
    for (const each of edges) {
      const { perform } = each;
      if (perform === undefined) continue;
      const about = { service, instance, pid: process.pid };
      const performer = { perform: (task: EdgeTask) => perform.call(each, task) };
      const tasks = new EdgeTaskService({ edge: each.report(false).edge, performer, process: about, logger });
      tasks.start(connection);
      this.#tasks.push(tasks);
    }
  }

  /** The report as it would be answered now. */
  report(question: ReportQuestion = 'all'): ProcessReport {
    const { service, instance, edges, tombstones } = this.#options;
    const stones = tombstones.map((tombstone) => tombstone.report());
    const flags = this.#options.flags.report();
    return {
      ...{ service, instance, pid: process.pid, edges: edges.map((edge) => edge.report(question === 'all')) },
      ...(stones.length === 0 ? {} : { tombstones: stones }),
      ...(flags === undefined ? {} : { flags }),
      ...(question === 'ledgers' ? { ledger: this.#options.ledgers.report() } : {}),
    };
  }

  async #answer(request: Msg): Promise<void> {
    const question = questionOf(request.string());
    try {
      if (question === 'all') await this.#refresh();
      request.respond(JSON.stringify(this.report(question)));
    } catch (error) {
      this.#options.logger.error('cannot report', { error: messageOf(error) });
    }
  }
}

/** What a later version asks for is answered with all that there is. */
function questionOf(asked: string): ReportQuestion {
  return asked === 'brief' || asked === 'ledgers' ? asked : 'all';
}
