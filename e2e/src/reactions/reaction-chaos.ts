import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { streamOf } from '@banyan/contracts';
import { parseEdge, StageStore, type ReactionStage, type StageRecord } from '@banyan/control';
import { freePort, uniqueName } from '@banyan/devstack';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Pool } from 'pg';
import { RelayProcess } from '../relay-process.js';
import type { ReactionChildConfig } from './stage.js';

/** What chaos breaks out on. */
export interface ChaosGrounds {
  /** With the roles outbox and subscriber, and `TABLES`. */
  database: { url: string; pool: Pool };
  nats: { url: string; connection: NatsConnection };
}

export interface ChaosOptions {
  /** Reactions to be committed at least. */
  count: number;
  keys: number;
  /** The stages that the edge is moved among. With `call` among them the caller is never killed. */
  stages: readonly ReactionStage[];
  flipEveryMs: number;
  killEveryMs: number;
}

/** What was found afterwards, by SQL. */
export interface ChaosOutcome {
  ok: boolean;
  reactions: number;
  byStage: Record<string, number>;
  effects: number;
  byVia: Record<string, number>;
  missing: number;
  twice: number;
  flips: number;
  kills: Record<string, number>;
  seconds: number;
}

type Part = 'caller' | 'receiver' | 'relay';

const PROGRAM = (name: string): string =>
  fileURLToPath(new URL(`../../dist/reactions/${name}.js`, import.meta.url));

/** A caller, a relay and a receiver as processes that are killed at random, while the edge's stage flips. */
export class ReactionChaos {
  readonly #options: ChaosOptions;
  readonly #database: ChaosGrounds['database'];
  readonly #nats: ChaosGrounds['nats'];
  readonly #config: ReactionChildConfig;
  readonly #folder: string;
  readonly #children = new Map<'caller' | 'receiver', ChildProcess>();
  readonly #kills: Record<string, number> = { caller: 0, receiver: 0, relay: 0 };
  #relay: RelayProcess | undefined;
  #flips = 0;
  #over = false;

  private constructor(options: ChaosOptions, on: ChaosGrounds & { grpc: string }) {
    const source = uniqueName('projects');
    this.#options = options;
    this.#database = on.database;
    this.#nats = on.nats;
    this.#folder = mkdtempSync(join(tmpdir(), 'banyan-chaos-'));
    this.#config = {
      source,
      edge: `${source} -> chaos.React`,
      databaseUrl: on.database.url,
      natsUrl: on.nats.url,
      grpc: on.grpc,
      stateDir: '',
      keys: options.keys,
    };
  }

  static async run(options: ChaosOptions, grounds: ChaosGrounds): Promise<ChaosOutcome> {
    const grpc = `127.0.0.1:${await freePort()}`;
    const chaos = new ReactionChaos(options, { ...grounds, grpc });
    try {
      return await chaos.#run();
    } finally {
      await chaos.#stop();
    }
  }

  async #run(): Promise<ChaosOutcome> {
    const startedMs = performance.now();
    for (const part of ['relay', 'receiver', 'caller'] as const) await this.#begin(part);
    const disorder = [this.#flip(), this.#kill()];
    await this.#untilCommitted();
    this.#over = true;
    await Promise.all(disorder);
    await this.#finish();
    return this.#outcome(Math.round((performance.now() - startedMs) / 1_000));
  }

  async #begin(part: Part): Promise<void> {
    const { source, databaseUrl, natsUrl } = this.#config;
    if (part === 'relay') {
      this.#relay = await RelayProcess.start({ natsUrl, sources: { [source]: databaseUrl } });
      return;
    }
    const config = { ...this.#config, stateDir: join(this.#folder, part) };
    const child = fork(PROGRAM(`${part}-child`), [JSON.stringify(config)], { execArgv: [] });
    this.#children.set(part, child);
    await Promise.race([once(child, 'message'), once(child, 'exit')]);
  }

  async #end(part: Part): Promise<void> {
    if (part === 'relay') return this.#relay?.end('SIGKILL');
    const child = this.#children.get(part);
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async #flip(): Promise<void> {
    const store = await StageStore.open(this.#nats.connection);
    const edge = parseEdge(this.#config.edge);
    const { stages, flipEveryMs } = this.#options;
    let last: StageRecord | undefined;
    while (!this.#over) {
      const stage = stages[this.#flips % stages.length] ?? 'dual';
      const change = { stage, from: last?.stage ?? 'call', expected: last?.changeId } as const;
      last = await store.write(edge, { kind: 'reaction', by: 'chaos', why: 'flip', ...change });
      this.#flips += 1;
      await pause(flipEveryMs);
    }
  }

  async #kill(): Promise<void> {
    const { stages, killEveryMs } = this.#options;
    const parts: Part[] = stages.includes('call') ? ['relay', 'receiver'] : ['relay', 'receiver', 'caller'];
    while (!this.#over) {
      await pause(killEveryMs * (0.5 + Math.random()));
      const part = parts[Math.floor(Math.random() * parts.length)] ?? 'relay';
      await this.#end(part);
      this.#kills[part] = (this.#kills[part] ?? 0) + 1;
      await this.#begin(part);
    }
  }

  async #untilCommitted(): Promise<void> {
    while ((await this.#count('select count(*) as n from work')) < this.#options.count) await pause(100);
  }

  /** Lets the caller finish its calls, and the events be worked off. */
  async #finish(): Promise<void> {
    const caller = this.#children.get('caller');
    if (caller !== undefined) {
      const exited = once(caller, 'exit');
      caller.send('stop');
      await exited;
    }
    const deadlineMs = performance.now() + 180_000;
    while ((await this.#count(LEFT)) > 0 && performance.now() < deadlineMs) await pause(200);
  }

  async #outcome(seconds: number): Promise<ChaosOutcome> {
    const reactions = await this.#count('select count(*) as n from work');
    const effects = await this.#count('select count(*) as n from ledger');
    const missing = await this.#count(MISSING);
    const twice = await this.#count(TWICE);
    return {
      ok: missing === 0 && twice === 0 && effects === reactions,
      ...{ reactions, byStage: await this.#groups('work', 'stage') },
      ...{ effects, byVia: await this.#groups('ledger', 'via'), missing, twice },
      ...{ flips: this.#flips, kills: this.#kills, seconds },
    };
  }

  async #groups(table: string, column: string): Promise<Record<string, number>> {
    const { rows } = await this.#database.pool.query<{ name: string; n: string }>(
      `select ${column} as name, count(*) as n from ${table} group by 1 order by 1`,
    );
    return Object.fromEntries(rows.map(({ name, n }) => [name, Number(n)]));
  }

  async #count(sql: string): Promise<number> {
    const { rows } = await this.#database.pool.query<{ n: string }>(sql);
    return Number(rows[0]?.n);
  }

  async #stop(): Promise<void> {
    this.#over = true;
    for (const part of ['caller', 'receiver', 'relay'] as const) await this.#end(part);
    const manager = await jetstreamManager(this.#nats.connection);
    await manager.streams.delete(streamOf(this.#config.source)).catch(() => undefined);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const MISSING =
  'select count(*) as n from work w where not exists (select from ledger l where l.event_id = w.event_id)';

const TWICE = 'select count(*) as n from (select from ledger group by event_id having count(*) > 1) twice';

/** Effects that are not there yet, and events that have not been read: positions are dense, one for each reaction. */
const LEFT = `
select (select count(*) from work w where not exists (select from ledger l where l.event_id = w.event_id))
  + (select count(*) from banyan.reaction_done where not passed)
  + greatest(0, (select count(*) from work) - (select max(n) from banyan.position)) as n`;
