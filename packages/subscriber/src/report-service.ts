import { hostname } from 'node:os';
import {
  SUBSCRIBER_REPORT_SUBJECT,
  type ReplicaReport,
  type SubscribedSource,
  type SubscriberReport,
} from '@banyan/contracts';
import type { NatsConnection, Subscription } from '@nats-io/nats-core';
import type { SourceFreshness } from './freshness/freshness.js';
import type { Replica } from './replica/replica.js';
import type { SourceStatus, SubscriberStatus } from './status.js';

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
    const { name: subscriber, instance, state, because, sources } = this.#parts.status();
    const known = new Map(sources.map((each) => [each.source, each]));
    return {
      host: hostname(),
      pid: process.pid,
      subscriber,
      instance,
      state,
      ...(because === undefined ? {} : { because }),
      replicas: this.#replicas,
      sources: this.#parts.freshness().map((each) => sourceOf(each, known.get(each.source))),
    };
  }
}

function sourceOf(
  { source, positions, stalenessMs }: SourceFreshness,
  status: SourceStatus | undefined,
): SubscribedSource {
  return {
    source,
    positions: positions.map(({ epoch, n }) => ({ epoch, n })),
    ...(stalenessMs === undefined ? {} : { stalenessMs }),
    ...(status?.lagPositions === undefined ? {} : { lagPositions: status.lagPositions }),
    ...(status === undefined ? {} : { parkedKeys: status.parkedKeys }),
  };
}

/** Several types of event are about one aggregate. */
function reportOf({ handlers, options }: Replica): ReplicaReport {
  const aggregates = new Map(
    handlers.map(({ source, aggregate }) => [`${source}/${aggregate}`, { source, aggregate }]),
  );
  return { table: options.table, aggregates: [...aggregates.values()] };
}
