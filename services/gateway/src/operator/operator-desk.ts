import type { GateOptions } from '@banyan/control';
import type { Logger } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { AuditMirror } from './audit/audit-mirror.js';
import { BrokerView } from './look/broker-view.js';
import { Looker } from './look/looker.js';
import { brokerAway } from './operator-problem.js';
import { ParkedDatabases } from './parked/parked-databases.js';

export interface DeskOptions {
  nats: Promise<NatsConnection>;
  databases: Readonly<Record<string, string>>;
  gate: GateOptions;
  logger: Logger;
}

/** All that operators look at and act on, one for all of them. */
export class OperatorDesk {
  readonly broker: BrokerView;
  readonly looker: Looker;
  readonly audit: AuditMirror;
  readonly parked: ParkedDatabases;
  /** What edges are asked for before they advance. */
  readonly gate: GateOptions;

  constructor({ nats, databases, gate, logger }: DeskOptions) {
    this.gate = gate;
    this.broker = new BrokerView(nats);
    this.looker = new Looker({ broker: this.broker, gate, logger });
    this.audit = new AuditMirror(this.broker, logger);
    this.parked = new ParkedDatabases(databases);
  }

  /** @throws ProblemError 503 while the broker is away */
  get connection(): NatsConnection {
    const { connection } = this.broker;
    if (connection === undefined) throw brokerAway();
    return connection;
  }
}
