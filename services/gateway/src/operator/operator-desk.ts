import { defaultTerms, type GateTermsFor } from '@banyan/control';
import { readPlan, termsIn, type Plan } from '@banyan/playbook';
import type { Logger } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { AuditMirror } from './audit/audit-mirror.js';
import { BrokerView } from './look/broker-view.js';
import { Looker } from './look/looker.js';
import { brokerAway } from './operator-problem.js';
import { ParkedDatabases } from './parked/parked-databases.js';
import { PlanLook } from './plan/plan-look.js';

export interface DeskOptions {
  nats: Promise<NatsConnection>;
  databases: Readonly<Record<string, string>>;
  /** File of the playbook that is shown, and by which gates judge; empty: none. */
  playbook: string;
  logger: Logger;
}

/** All that operators look at and act on, one for all of them. */
export class OperatorDesk {
  readonly broker: BrokerView;
  readonly looker: Looker;
  readonly audit: AuditMirror;
  readonly parked: ParkedDatabases;
  /** By which settings an edge is judged before it advances: those of its next step in the playbook. */
  readonly termsFor: GateTermsFor;
  readonly plan: Plan | undefined;
  readonly planLook: PlanLook;

  /** @throws BanyanError BANYAN_PLAYBOOK_INVALID */
  constructor({ nats, databases, playbook, logger }: DeskOptions) {
    this.plan = playbook === '' ? undefined : readPlan(playbook);
    this.termsFor = this.plan === undefined ? defaultTerms : termsIn(this.plan);
    this.broker = new BrokerView(nats);
    const { broker, plan, termsFor } = this;
    const audit = new AuditMirror(broker, logger);
    this.audit = audit;
    this.looker = new Looker({ broker, termsFor, plan, onChange: () => audit.notice(), logger });
    this.planLook = new PlanLook(plan, this.looker);
    this.parked = new ParkedDatabases(databases);
  }

  /** @throws ProblemError 503 while the broker is away */
  get connection(): NatsConnection {
    const { connection } = this.broker;
    if (connection === undefined) throw brokerAway();
    return connection;
  }
}
