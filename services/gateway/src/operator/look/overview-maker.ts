import { overviewsOf, type FlagRecord, type GateTermsFor } from '@banyan/control';
import type { Plan } from '@banyan/playbook';
import type { BrokerState, FlagRow, Overview } from '../wire.js';
import { runToShow, summaryOf } from '../plan/plan-view.js';
import type { Collected } from './collected.js';
import { Rates } from './rates.js';
import { relayRows, type Heartbeats } from './relay-rows.js';
import { serviceRows } from './service-rows.js';
import { subscriberRows } from './subscriber-rows.js';

export interface Surroundings {
  broker: BrokerState;
  heartbeats: Heartbeats;
}

/** Puts together what was collected. Remembers of earlier rounds what rates are made of, and no more. */
export class OverviewMaker {
  readonly #termsFor: GateTermsFor;
  readonly #plan: Plan | undefined;
  readonly #rates = new Rates();

  constructor(termsFor: GateTermsFor, plan: Plan | undefined) {
    this.#termsFor = termsFor;
    this.#plan = plan;
  }

  make(collected: Collected, { broker, heartbeats }: Surroundings): Overview {
    const nowMs = Date.now();
    const { flags, reports, relays, subscribers, runs } = collected;
    const rates = this.#rates;
    const run = runToShow(runs, this.#plan);
    rates.prune(nowMs);
    const edges = overviewsOf(collected, this.#termsFor);
    return {
      at: new Date(nowMs).toISOString(),
      edges,
      services: serviceRows(edges, reports),
      relays: relayRows(relays, { heartbeats, rates, nowMs }),
      subscribers: subscriberRows(subscribers, { processes: reports, rates, nowMs }),
      flags: flags.map(flagRow),
      run: run === undefined ? null : summaryOf(run),
      broker,
    };
  }
}

const flagRow = ({ flag: name, value, change }: FlagRecord): FlagRow => ({ name, value, change });

/** Before the first round. */
export function nothingYet(broker: BrokerState): Overview {
  const at = new Date(0).toISOString();
  return { at, edges: [], services: [], relays: [], subscribers: [], flags: [], run: null, broker };
}
