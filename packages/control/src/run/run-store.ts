import type { NatsConnection } from '@nats-io/nats-core';
import { BanyanError } from '@banyan/runtime';
import { RunBucket, type RunEntry } from './run-bucket.js';
import { LEASE_MS, leaseKeyOf, RunLease, type Held } from './run-lease.js';
import {
  decodeHolder,
  decodeRun,
  decodeWishes,
  NO_WISHES,
  type RunRecord,
  type RunView,
  type RunWishes,
} from './run-record.js';

const runKeyOf = (playbook: string): string => `run.${playbook}`;
const wishesKeyOf = (playbook: string): string => `wishes.${playbook}`;

/** A record as it was found. */
export interface FoundRun {
  record: RunRecord | undefined;
  /** Of whatever lies there. */
  revision: number | undefined;
}

/** Runs of playbooks, the wishes about them, and the right to walk them; one of each a playbook. */
export class RunStore {
  readonly #bucket: RunBucket;

  constructor(bucket: RunBucket) {
    this.#bucket = bucket;
  }

  /** Opens the bucket, creating it if it is missing. @throws BANYAN_CONTROL_UNREACHABLE */
  static async open(connection: NatsConnection): Promise<RunStore> {
    return new RunStore(await RunBucket.open(connection));
  }

  async read(playbook: string): Promise<FoundRun> {
    const entry = await this.#bucket.read(runKeyOf(playbook));
    return { record: entry === undefined ? undefined : decodeRun(entry.text), revision: entry?.revision };
  }

  /** @returns the new revision; undefined if somebody else has written it since */
  write(record: RunRecord, over: number | undefined): Promise<number | undefined> {
    return this.#bucket.put(runKeyOf(record.playbook), JSON.stringify(record), over);
  }

  async wishes(playbook: string): Promise<RunWishes> {
    const entry = await this.#bucket.read(wishesKeyOf(playbook));
    return entry === undefined ? NO_WISHES : decodeWishes(entry.text);
  }

  /** Changes what operators ask of a run; by whoever else it is changed meanwhile. */
  async wish(playbook: string, change: (wishes: RunWishes) => RunWishes): Promise<RunWishes> {
    const key = wishesKeyOf(playbook);
    for (;;) {
      const entry = await this.#bucket.read(key);
      const wishes = change(entry === undefined ? NO_WISHES : decodeWishes(entry.text));
      if ((await this.#bucket.put(key, JSON.stringify(wishes), entry?.revision)) !== undefined) return wishes;
    }
  }

  /**
   * Takes the right to walk a playbook.
   *
   * @throws BANYAN_RUN_HELD if another process walks it
   */
  async take(playbook: string, by: string): Promise<RunLease> {
    const taken = await RunLease.take(this.#bucket, playbook, by);
    if (taken instanceof RunLease) return taken;
    throw heldBy(playbook, taken);
  }

  async view(playbook: string): Promise<RunView | undefined> {
    const { record } = await this.read(playbook);
    if (record === undefined) return undefined;
    const [wishes, lease] = await Promise.all([
      this.wishes(playbook),
      this.#bucket.read(leaseKeyOf(playbook)),
    ]);
    return { ...record, wishes, holder: holderIn(lease) };
  }

  /** All runs, by playbook. */
  async list(): Promise<RunView[]> {
    const entries = await this.#bucket.list('run.*');
    const views = await Promise.all(entries.map(({ key }) => this.view(key.slice('run.'.length))));
    return views.filter((view) => view !== undefined);
  }
}

/**
 * The last run of each playbook, with its steps, what each waits for, what operators asked of it and who is at it. Changes
 * nothing. @throws BANYAN_CONTROL_UNREACHABLE
 */
export async function readRuns(connection: NatsConnection): Promise<RunView[]> {
  const bucket = await RunBucket.find(connection);
  return bucket === undefined ? [] : new RunStore(bucket).list();
}

/** By this machine's clock, so it may be wrong by as much as that is; who takes the lease goes by no clock. */
function holderIn(entry: RunEntry | undefined): RunView['holder'] {
  const holder = entry === undefined ? undefined : decodeHolder(entry.text);
  if (entry === undefined || holder === undefined) return null;
  return { ...holder, alive: Date.now() - entry.writtenMs < LEASE_MS };
}

function heldBy(playbook: string, { holder: { by, host, pid, since } }: Held): BanyanError {
  const [machine = host] = host.split(' ');
  return new BanyanError(
    'BANYAN_RUN_HELD',
    `${playbook} is being applied by ${by} on ${machine}, pid ${pid}, since ${since}`,
  );
}
