import pg from 'pg';
import { parseEdge, StageStore, type StageRecord } from '@banyan/control';
import { wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/transport-node';
import type { MigratedSystem } from '../system.js';
import type { Operator } from './operator.js';

/** The edge whose replica is damaged, and where it lies. */
export const FAULTY_EDGE = 'teams -> projects.GetProject';
const REPLICA = 'teams-project-replica/project_replica';

/** What a bug in the mapping would do to each row that is written: right version, wrong name. */
const FAULT = `
create function planted_fault() returns trigger language plpgsql as
  $$ begin new.name := left('damaged ' || new.name, 200); return new; end $$;
create trigger planted_fault before insert or update on project_replica
  for each row execute function planted_fault();
update project_replica set name = name`;

const MENDED = `
drop trigger planted_fault on project_replica;
drop function planted_fault`;

/** How long the guard may take before the demo gives up on it, in ms. */
const PATIENCE_MS = 90_000;

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

/** A fault as a bug in a replica's mapping makes it, until it is mended. */
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
    return {
      edge: FAULTY_EDGE,
      rows,
      backMs: Math.round(performance.now() - startMs),
      from,
      to: stage,
      cause: why,
    };
  }

  /**
   * Mends the bug and has the source send all its rows again, which puts every row right. Meanwhile nothing is compared, so
   * that the evidence begins anew.
   */
  async repair(operator: Operator): Promise<void> {
    await operator.run('back', FAULTY_EDGE, '--to', 'cache', '--yes', '--reason', 'its replica is repaired');
    await this.#inTeams(MENDED);
    await operator.run('backfill', REPLICA, '--wait');
  }

  /** From now on, and in the rows that are there. */
  async #damage(): Promise<number> {
    const [, , update] = await this.#inTeams(FAULT);
    return update?.rowCount ?? 0;
  }

  /** Several statements in one go; an answer each. */
  async #inTeams(statements: string): Promise<pg.QueryResult[]> {
    const client = new pg.Client(this.#system.databaseUrl('teams'));
    await client.connect();
    try {
      return [await client.query(statements)].flat();
    } finally {
      await client.end();
    }
  }

  async #takenBack(): Promise<StageRecord> {
    const store = await StageStore.open(this.#nats);
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (performance.now() < deadlineMs) {
      const found = await store.read(parseEdge(FAULTY_EDGE));
      const record = found?.record;
      if (record?.by === 'guard') return record;
      await wait(20);
    }
    throw new Error(`the guard did not take ${FAULTY_EDGE} back within ${PATIENCE_MS} ms`);
  }
}
