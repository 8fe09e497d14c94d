import type { SubscriberReport } from '@banyan/contracts';
import {
  readRehearsals,
  type EdgeOverview,
  type EdgeReport,
  defaultTerms,
  type GateTermsFor,
  type ProcessReport,
  type QuietProof,
  type RehearsalRecord,
  type StageRecord,
} from '@banyan/control';
import type { NatsConnection } from '@nats-io/nats-core';
import { collectSubscribers } from '../backfill/targets.js';
import { askOnce, under, type Answers, type ControlPlane } from '../control-plane.js';

/** What is known of it already, and need not be asked for. */
export interface KnownWorld {
  records: StageRecord[];
  reports: ProcessReport[];
  subscribers: SubscriberReport[];
  proofs: QuietProof[];
}

/** The world at one moment: each thing is asked for once, when it is first wanted. */
export class World {
  readonly connection: NatsConnection;
  #answers: Promise<Answers> | undefined;
  #subscribers: Promise<SubscriberReport[]> | undefined;
  #rehearsals: Promise<RehearsalRecord[]> | undefined;

  constructor(connection: NatsConnection, known?: KnownWorld) {
    this.connection = connection;
    if (known === undefined) return;
    const { records, reports, proofs, subscribers } = known;
    this.#answers = Promise.resolve({ connection, records, reports, proofs });
    this.#subscribers = Promise.resolve(subscribers);
  }

  /** Stages and reports, and what gates with these settings say. */
  async plane(termsFor: GateTermsFor = defaultTerms): Promise<ControlPlane> {
    this.#answers ??= askOnce(this.connection);
    return under(await this.#answers, termsFor);
  }

  /** Undefined: it has no stage yet, and no process reports it. */
  async edge(name: string): Promise<EdgeOverview | undefined> {
    return (await this.plane()).edges.find(({ edge }) => edge === name);
  }

  /** What each process says of an edge. */
  async reportsOf(name: string): Promise<{ instance: string; report: EdgeReport }[]> {
    const { reports } = await this.plane();
    return reports.flatMap(({ instance, edges }) =>
      edges.filter(({ edge }) => edge === name).map((report) => ({ instance, report })),
    );
  }

  subscribers(): Promise<SubscriberReport[]> {
    this.#subscribers ??= collectSubscribers(this.connection);
    return this.#subscribers;
  }

  /** The last rehearsal of an edge. */
  async rehearsalOf(name: string): Promise<RehearsalRecord | undefined> {
    this.#rehearsals ??= readRehearsals(this.connection);
    return (await this.#rehearsals).find(({ edge }) => edge === name);
  }
}
