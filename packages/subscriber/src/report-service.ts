import { hostname } from 'node:os';
import { SUBSCRIBER_REPORT_SUBJECT, type ReplicaReport, type SubscriberReport } from '@banyan/contracts';
import type { NatsConnection, Subscription } from '@nats-io/nats-core';
import type { SourceFreshness } from './freshness/freshness.js';
import type { Replica } from './replica/replica.js';
import type { SubscriberStatus } from './status.js';

export interface ReportServiceParts {
  nats: NatsConnection;
  replicas: readonly Replica[];
  status: () => SubscriberStatus;
  freshness: () => readonly SourceFreshness[];
}

/** Answers commands that ask which subscribers there are, what they keep, and how far they are. */
export class ReportService {
  readonly #parts: ReportServiceParts;
  readonly #replicas: ReplicaReport[];
  #requests: Subscription | undefined;

  constructor(parts: ReportServiceParts) {
    this.#parts = parts;
    this.#replicas = parts.replicas.map(reportOf);
  }

  start(): void {
    this.#requests ??= this.#parts.nats.subscribe(SUBSCRIBER_REPORT_SUBJECT, {
      callback: (error, message) => {
        if (error === null) message.respond(JSON.stringify(this.#report()));
      },
    });
  }

  stop(): void {
    this.#requests?.unsubscribe();
    this.#requests = undefined;
  }

  #report(): SubscriberReport {
    const { name: subscriber, instance, state } = this.#parts.status();
    return {
      host: hostname(),
      pid: process.pid,
      subscriber,
      instance,
      state,
      replicas: this.#replicas,
      sources: this.#parts.freshness().map(({ source, positions }) => ({
        source,
        positions: positions.map(({ epoch, n }) => ({ epoch, n })),
      })),
    };
  }
}

/** Several types of event are about one aggregate. */
function reportOf({ handlers, options }: Replica): ReplicaReport {
  const aggregates = new Map(
    handlers.map(({ source, aggregate }) => [`${source}/${aggregate}`, { source, aggregate }]),
  );
  return { table: options.table, aggregates: [...aggregates.values()] };
}
