import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isBanyanError, systemClock, wait } from '@banyan/runtime';
import type { RunBucket } from './run-bucket.js';
import { decodeHolder, type RunHolder } from './run-record.js';

/** How often a holder says that it lives, and after how long without a word it counts as gone, in ms. */
const RENEW_MS = 1_000;
export const LEASE_MS = 5_000;
const LOOK_MS = 200;

export const leaseKeyOf = (playbook: string): string => `lease.${playbook}`;

/** Somebody else holds it. */
export interface Held {
  holder: RunHolder;
}

/**
 * The right to walk a playbook, of one process at a time. States: held → lost, or given back. No clocks are compared: who wants
 * it watches whether the holder still renews it, and takes it over when that has not happened for `LEASE_MS`; at once if the
 * holder was a process of this machine that is gone. Writes are compare-and-set, so of two that try one has it.
 */
export class RunLease {
  readonly #bucket: RunBucket;
  readonly #key: string;
  readonly #holder: RunHolder;
  readonly #abort = new AbortController();
  #revision: number;
  #renewedMs = systemClock.monotonicMs();
  #isLost = false;

  private constructor(
    bucket: RunBucket,
    key: string,
    { holder, revision }: { holder: RunHolder; revision: number },
  ) {
    this.#bucket = bucket;
    this.#key = key;
    this.#holder = holder;
    this.#revision = revision;
  }

  /** Takes the lease, waiting up to some seconds to see whether its last holder lives. */
  static async take(bucket: RunBucket, playbook: string, by: string): Promise<RunLease | Held> {
    const key = leaseKeyOf(playbook);
    const holder = {
      ...{ id: randomUUID(), by, host: thisMachine(), pid: process.pid },
      since: new Date().toISOString(),
    };
    for (;;) {
      const { free, found, revision: over } = await whetherFree(bucket, key);
      if (!free && found !== undefined) return { holder: found };
      const revision = await bucket.put(key, JSON.stringify(holder), over);
      if (revision !== undefined) return new RunLease(bucket, key, { holder, revision }).#keep();
    }
  }

  get holder(): RunHolder {
    return this.#holder;
  }

  /** Whether nobody else can have it by now. */
  get isHeld(): boolean {
    return !this.#isLost && systemClock.monotonicMs() - this.#renewedMs < LEASE_MS;
  }

  /** Whether somebody else has taken it over. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Gives it back. Doing so twice, or after it was lost, is legal. */
  async release(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    if (!this.#isLost) await this.#bucket.put(this.#key, '{}', this.#revision).catch(ifReachable);
  }

  #keep(): this {
    void this.#renewing();
    return this;
  }

  async #renewing(): Promise<void> {
    for (;;) {
      await wait(RENEW_MS, this.#abort.signal);
      if (this.#abort.signal.aborted || this.#isLost) return;
      await this.#renew().catch(ifReachable);
    }
  }

  async #renew(): Promise<void> {
    const startedMs = systemClock.monotonicMs();
    const revision = await this.#bucket.put(this.#key, JSON.stringify(this.#holder), this.#revision);
    if (revision === undefined) this.#isLost = true;
    else [this.#revision, this.#renewedMs] = [revision, startedMs];
  }
}

/** A broker that is away is asked again; whether the lease holds meanwhile, its own time says. */
function ifReachable(error: unknown): undefined {
  if (!isBanyanError(error, 'BANYAN_CONTROL_UNREACHABLE')) throw error;
  return undefined;
}

interface Looked {
  free: boolean;
  found: RunHolder | undefined;
  revision: number | undefined;
}

async function whetherFree(bucket: RunBucket, key: string): Promise<Looked> {
  const first = await bucket.read(key);
  const found = first === undefined ? undefined : decodeHolder(first.text);
  const revision = first?.revision;
  if (found === undefined || isGoneHere(found)) return { free: true, found, revision };
  const untilMs = systemClock.monotonicMs() + LEASE_MS;
  while (systemClock.monotonicMs() < untilMs) {
    await wait(LOOK_MS);
    if ((await bucket.read(key))?.revision !== revision) return { free: false, found, revision };
  }
  return { free: true, found, revision };
}

/** A process of this machine that does not exist any more. */
function isGoneHere({ host, pid }: RunHolder): boolean {
  if (host !== thisMachine()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

/** Where a process id means something: containers may share a host's name. */
function thisMachine(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
