import type { RunRecord } from '@banyan/control';
import { lookAtPlan, World, type Plan, type StepStanding } from '@banyan/playbook';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Looker } from '../look/looker.js';

/** A look of so long ago is answered as it is, in ms. */
const FRESH_MS = 2_000;

export type Standings = ReadonlyMap<string, StepStanding>;

const NOTHING: Standings = new Map();

/**
 * How far the world is along the playbook, whoever brought it there. It goes by what the looker has heard anyway, and asks
 * sources for their backfills; one look for all who ask within a moment.
 */
export class PlanLook {
  readonly #plan: Plan | undefined;
  readonly #looker: Looker;
  #look: Promise<Standings> = Promise.resolve(NOTHING);
  #lookedMs = -Infinity;

  constructor(plan: Plan | undefined, looker: Looker) {
    this.#plan = plan;
    this.#looker = looker;
  }

  /** By the steps' keys, against what the run has noted; empty without a playbook. @throws BanyanError BANYAN_CONTROL_UNREACHABLE */
  standings(connection: NatsConnection, run: Pick<RunRecord, 'steps'> | undefined): Promise<Standings> {
    if (performance.now() - this.#lookedMs >= FRESH_MS) {
      this.#lookedMs = performance.now();
      this.#look = this.#lookNow(connection, run);
    }
    return this.#look;
  }

  async #lookNow(connection: NatsConnection, run: Pick<RunRecord, 'steps'> | undefined): Promise<Standings> {
    if (this.#plan === undefined) return NOTHING;
    await this.#looker.look();
    const world = new World(connection, this.#looker.collected);
    return lookAtPlan(this.#plan, { world, by: 'gateway', run });
  }
}
