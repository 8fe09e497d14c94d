import type { GateOptions } from '@banyan/control';
import { readPlan, type Plan } from '@banyan/playbook';
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
  /** File of the playbook that is shown before it was applied; empty: none. */
  playbook: string;
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
  readonly plan: Plan | undefined;

  /** @throws BanyanError BANYAN_PLAYBOOK_INVALID */
  constructor({ nats, databases, gate, playbook, logger }: DeskOptions) {
    this.gate = gate;
    this.plan = playbook === '' ? undefined : readPlan(playbook);
    this.broker = new BrokerView(nats);
    const { broker, plan } = this;
    const audit = new AuditMirror(broker, logger);
    this.audit = audit;
    this.looker = new Looker({ broker, gate, plan, onChange: () => audit.notice(), logger });
    this.parked = new ParkedDatabases(databases);
  }

  /** @throws ProblemError 503 while the broker is away */
  get connection(): NatsConnection {
    const { connection } = this.broker;
    if (connection === undefined) throw brokerAway();
    return connection;
  }
}
