import pg from 'pg';
import { parseEdge, StageStore, type StageRecord } from '@banyan/control';
import { wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/transport-node';
import type { MigratedSystem } from '../system.js';
import type { Operator } from './operator.js';

/** The edge whose replica is damaged, and where it lies. */
export const FAULTY_EDGE = 'teams -> projects.GetProject';
const REPLICA = 'teams-project-replica/project_replica';

/** How long the guard may take before the demo gives up on it, in ms. */
const PATIENCE_MS = 30_000;

/** What was done on purpose, and what the guard made of it. */
export interface GuardFigures {
  edge: string;
  /** Rows of the replica that were made wrong. */
  rows: number;
  /** From then until the edge had been taken back for all processes, in ms. */
  backMs: number;
  from: string;
  to: string;
  cause: string;
}

/** A fault as a bug in a replica's mapping would make it: right version, wrong content. */
export class PlantedFault {
  readonly #system: MigratedSystem;
  readonly #nats: NatsConnection;

  constructor(system: MigratedSystem, nats: NatsConnection) {
    this.#system = system;
    this.#nats = nats;
  }

  /** Damages the replica under traffic, and waits until the guard has taken its edge back. @throws Error if it does not */
  async plant(): Promise<GuardFigures> {
    const startMs = performance.now();
    const rows = await this.#damage();
    const { from, stage, why } = await this.#takenBack();
    return { edge: FAULTY_EDGE, rows, backMs: Math.round(performance.now() - startMs), from, to: stage, cause: why };
  }

  /** Has the source send all its rows again, which puts every row right. */
  async repair(operator: Operator): Promise<void> {
    const { exitCode, answer } = await operator.run('backfill', REPLICA, '--wait');
    if (exitCode !== 0) throw new Error(`banyan backfill exited with ${exitCode}: ${JSON.stringify(answer)}`);
  }

  async #damage(): Promise<number> {
    const client = new pg.Client(this.#system.databaseUrl('teams'));
    await client.connect();
    try {
      const { rowCount } = await client.query(`update project_replica set name = 'damaged ' || left(name, 100)`);
      return rowCount ?? 0;
    } finally {
      await client.end();
    }
  }

  async #takenBack(): Promise<StageRecord> {
    const store = await StageStore.open(this.#nats);
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (performance.now() < deadlineMs) {
      const found = await store.read(parseEdge(FAULTY_EDGE));
      if (found?.record.by === 'guard') return found.record;
      await wait(20);
    }
    throw new Error(`the guard did not take ${FAULTY_EDGE} back within ${PATIENCE_MS} ms`);
  }
}
