import { jetstream, JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { BanyanError, messageOf, resolveOptions, wholeNumber, type OptionRules } from '@banyan/runtime';
import { parseEdge } from '../edge-name.js';
import type { QuietProof, StrayCall } from './quiet-proof.js';

export const LEDGER_BUCKET = 'banyan_ledgers';

/** A process that has not been heard of for so long is forgotten, and no longer window can be proven. */
export const LEDGER_KEEP_MS = 32 * 86_400_000;

export interface LedgerStoreOptions {
  /** Copies of the bucket in a NATS cluster, 1 to 5; default 1. Applies when the bucket is created. */
  replicas?: number;
  /** How long to wait for each answer of JetStream, in ms; default 5000. */
  timeoutMs?: number;
}

const RULES: OptionRules<LedgerStoreOptions> = {
  replicas: wholeNumber(1, 5, 1),
  timeoutMs: wholeNumber(100, 600_000, 5_000),
};

/** A server ledger that there is or was: what has ended can be asked no more, and must not be forgotten either. */
export interface ServerRecord {
  service: string;
  /** The ledger's. */
  id: string;
  /** The process, for people. */
  process: string;
  /** ISO 8601. */
  startedAt: string;
  /** When it was heard of last, ISO 8601. */
  beatAt: string;
  /** When it ended in good order, ISO 8601; absent: it runs, or was never heard of again. */
  endedAt?: string;
}

/** What there is to know of ledgers besides what running processes report, in one NATS KV bucket. */
export class LedgerStore {
  readonly #kv: KV;

  private constructor(kv: KV) {
    this.#kv = kv;
  }

  /**
   * Opens the bucket, creating it if it is missing.
   *
   * @throws BANYAN_CONTROL_UNREACHABLE if JetStream does not answer
   */
  static async open(connection: NatsConnection, given: LedgerStoreOptions = {}): Promise<LedgerStore> {
    const { replicas, timeoutMs } = resolveOptions('ledger store', RULES, given);
    const buckets = new Kvm(jetstream(connection, { timeout: timeoutMs }));
    const settings = { history: 1, replicas, allow_direct: false, ttl: LEDGER_KEEP_MS };
    return new LedgerStore(await reached(buckets.create(LEDGER_BUCKET, settings)));
  }

  async putServer(record: ServerRecord): Promise<void> {
    await reached(this.#kv.put(`server.${token(record.service)}.${record.id}`, JSON.stringify(record)));
  }

  /** All server ledgers of a service that were heard of within `LEDGER_KEEP_MS`. */
  async servers(service: string): Promise<ServerRecord[]> {
    const entries = await this.#list(`server.${token(service)}.*`);
    return entries
      .flatMap((entry) => parsed(entry, isServerRecord))
      .filter((each) => each.service === service);
  }

  /** The proofs of the edges that end in a service. */
  async proofs(service: string): Promise<QuietProof[]> {
    return proofsIn(await reached(this.#kv.get(proofKey(service))));
  }

  /** Keeps a proof in place of the edge's last one. */
  putProof(proof: QuietProof): Promise<void> {
    const isOther = ({ edge }: QuietProof): boolean => edge !== proof.edge;
    return this.#changeProofs(proof.edge, (proofs) => [...proofs.filter(isOther), proof]);
  }

  /** Notes the call that a proof is refuted by; false if it has been noted, or there is a newer proof. */
  async revoke(proof: QuietProof, revoked: StrayCall): Promise<boolean> {
    let isFirst = false;
    await this.#changeProofs(proof.edge, (proofs) =>
      proofs.map((each) => {
        if (each.edge !== proof.edge) return each;
        isFirst = each.at === proof.at && each.revoked === undefined;
        return isFirst ? { ...each, revoked } : each;
      }),
    );
    return isFirst;
  }

  async #changeProofs(edge: string, change: (proofs: QuietProof[]) => QuietProof[]): Promise<void> {
    const key = proofKey(parseEdge(edge).provider);
    for (;;) {
      const found = await reached(this.#kv.get(key));
      const text = JSON.stringify(change(proofsIn(found)));
      try {
        await (found === null ? this.#kv.create(key, text) : this.#kv.update(key, text, found.revision));
        return;
      } catch (error) {
        if (!isLostRace(error)) throw unreachable(error);
      }
    }
  }

  async #list(keys: string): Promise<KvEntry[]> {
    const entries: KvEntry[] = [];
    for await (const key of await reached(this.#kv.keys(keys))) {
      const entry = await reached(this.#kv.get(key));
      if (entry !== null) entries.push(entry);
    }
    return entries;
  }
}

const proofKey = (service: string): string => `quiet.${token(service)}`;

/** What no key may hold becomes `_`. */
const token = (service: string): string => service.replaceAll(/[^\w-]/g, '_');

function proofsIn(entry: KvEntry | null): QuietProof[] {
  return entry === null ? [] : parsed(entry, Array.isArray).flat().filter(isProof);
}

function parsed<T>(entry: KvEntry, isOne: (value: unknown) => value is T): T[] {
  try {
    const value: unknown = JSON.parse(entry.string());
    return isOne(value) ? [value] : [];
  } catch {
    return [];
  }
}

function isServerRecord(value: unknown): value is ServerRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { service, id, process, startedAt, beatAt } = value as Record<string, unknown>;
  return [service, id, process, startedAt, beatAt].every((each) => typeof each === 'string');
}

function isProof(value: unknown): value is QuietProof {
  if (typeof value !== 'object' || value === null) return false;
  const { edge, at, calls } = value as Record<string, unknown>;
  return typeof edge === 'string' && typeof at === 'string' && typeof calls === 'object' && calls !== null;
}

function isLostRace(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return false;
  const { StreamWrongLastSequence, StreamWrongLastSequenceUnknown } = JetStreamApiCodes;
  return error.code === StreamWrongLastSequence || error.code === StreamWrongLastSequenceUnknown;
}

function unreachable(cause: unknown): BanyanError {
  const what = `the ledger bucket ${LEDGER_BUCKET}: ${messageOf(cause)}`;
  return new BanyanError('BANYAN_CONTROL_UNREACHABLE', what, { cause });
}

async function reached<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw unreachable(error);
  }
}
