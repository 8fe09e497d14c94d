import type { NatsConnection } from '@nats-io/nats-core';
import { systemClock, wait } from '@banyan/runtime';
import { collectReports } from '../collect-reports.js';
import type { ProcessReport } from '../report.js';
import type { CalledMethod, ClientLedgerReport, MethodCaller, ServerLedgerReport } from './ledger-report.js';

export interface CollectBooksOptions {
  /** How long to look on between the two looks, in ms; default 5000. */
  forMs?: number;
  /** How long to wait for answers each time, in ms; default 500. */
  waitMs?: number;
}

/**
 * What all processes had in their books, four times. No process stops for a look, so no two books are of one moment; but
 * everything between `opening` and `closing` lies within `before` to `after`. So callers' books of the outer two can be
 * balanced against providers' books of the inner two without an allowance for the time between answers, and the other way
 * round.
 */
export interface Books {
  before: Look;
  opening: Look;
  closing: Look;
  after: Look;
  /** From opening to closing, in ms. */
  windowMs: number;
}

/** Looks at all books, waits, and looks again. @throws BANYAN_CONTROL_UNREACHABLE */
export async function collectBooks(
  connection: NatsConnection,
  { forMs = 5_000, waitMs = 500 }: CollectBooksOptions = {},
): Promise<Books> {
  const look = async (processes: readonly ProcessReport[] = []): Promise<Look> => {
    const instances = processes.map(({ instance }) => instance);
    return new Look(await collectReports(connection, { waitMs, instances, ledgers: true }));
  };
  const before = await look();
  const opening = await look(before.processes);
  const openedMs = systemClock.monotonicMs();
  await wait(forMs);
  const closing = await look();
  const windowMs = systemClock.monotonicMs() - openedMs;
  return { before, opening, closing, after: await look(closing.processes), windowMs };
}

/** A client ledger and whose it is. */
export interface ClientBook extends ClientLedgerReport {
  process: ProcessReport;
}

/** A server ledger and whose it is. */
export interface ServerBook extends ServerLedgerReport {
  process: ProcessReport;
}

/** All books as they were answered to one question. */
export class Look {
  readonly processes: readonly ProcessReport[];
  /** By mark. */
  readonly clients: ReadonlyMap<string, ClientBook>;
  /** By id. */
  readonly servers: ReadonlyMap<string, ServerBook>;

  constructor(processes: readonly ProcessReport[]) {
    this.processes = processes;
    const clients = processes.flatMap((process): ClientBook[] => {
      const book = process.ledger?.client;
      return book === undefined ? [] : [{ ...book, process }];
    });
    const servers = processes.flatMap((process): ServerBook[] => {
      const book = process.ledger?.server;
      return book === undefined ? [] : [{ ...book, process }];
    });
    this.clients = new Map(clients.map((book) => [book.mark, book]));
    this.servers = new Map(servers.map((book) => [book.id, book]));
  }

  /** What a ledger has of a method; undefined if it has nothing, or does not report. */
  called(mark: string, path: string): CalledMethod | undefined {
    return this.clients.get(mark)?.methods.find((method) => method.path === path);
  }

  /** What a server has of a method and caller. */
  caller(id: string, path: string, caller: string): MethodCaller | undefined {
    return this.servers.get(id)?.callers.find((each) => each.path === path && each.caller === caller);
  }

  /** The services that serve a method, as far as it was ever called. */
  providersOf(path: string): Set<string> {
    const serving = [...this.servers.values()].filter(({ callers }) =>
      callers.some((each) => each.path === path),
    );
    return new Set(serving.map(({ process }) => process.service));
  }
}
