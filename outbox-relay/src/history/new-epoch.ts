import { hostname, userInfo } from 'node:os';
import { formatPosition } from '@banyan/contracts';
import { BanyanError, silentLogger, wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import pg from 'pg';
import { connectOnce } from '../nats-connection.js';
import { Session } from '../session.js';
import { findShard } from '../shard.js';
import { readSource, type SourceRecord } from '../source-record.js';
import { openManager, readStream } from '../stream.js';
import { readTail, type Tail } from '../tail.js';
import { lastNOf, newestTick, type Tick } from '../tick.js';
import { rebase, type Broker, type Decision } from './rebase.js';
import { Witness } from './witness.js';

/** How long to try for the leader's lock, which a refusing relay holds now and then for a moment. In ms. */
const LOCK_PATIENCE_MS = 4000;
const LOCK_RETRY_MS = 100;

/** How long a leader of another database has to step down before the stream is read, in ms. */
const STEP_DOWN_MS = 1000;

export interface NewEpochOptions {
  /** Of a source with several shards, the shard: `projects`, `projects-1`, … */
  source: string;
  databaseUrl: string;
  natsUrl: string;
  /** Why; kept for good in `banyan.epoch`. */
  reason: string;
  /** Who; by default the system's user at this host. */
  by?: string;
  /** False: look, and say what would be done. Default true. */
  apply?: boolean;
}

/** What was found, and what was done or would be. */
export interface NewEpoch {
  source: string;
  applied: boolean;
  epoch: number;
  previousEpoch: number;
  /** The database as it is, and as it was when a relay last led on it. */
  database: { systemIdentifier: string; timeline: number };
  noted: { systemIdentifier: string; timeline: number } | undefined;
  lastN: number;
  /** Position that the stream ends with; undefined if it is empty or not there. */
  streamTail: string | undefined;
  /** The epoch's positions go on after this number. */
  baseN: number;
  /** Retained events that are not in the stream and are published again. Undefined if nothing was applied. */
  republished: number | undefined;
}

/**
 * The operator's decision that this database's history goes on in the stream, whatever the stream holds of another one.
 * Relays of other databases refuse from then on. Subscribers stop at the first event of the new epoch: replicas must be
 * rebuilt.
 * @throws BanyanError BANYAN_EPOCH_REFUSED if a relay leads on this database
 */
export async function newEpoch(options: NewEpochOptions): Promise<NewEpoch> {
  const name = `banyan-relay new-epoch ${options.source}`;
  const shard = await shardNamed(options);
  const session = await Session.open(options.databaseUrl, name, { shard, logger: silentLogger });
  try {
    const nats = await connectOnce(options.natsUrl, name);
    try {
      await takeLock(session, options.source);
      return await decide(session, nats, options);
    } finally {
      await nats.close();
    }
  } finally {
    await session.close();
  }
}

async function shardNamed({ databaseUrl, source }: NewEpochOptions): Promise<number> {
  const client = new pg.Client(databaseUrl);
  try {
    await client.connect();
    return await findShard(client, source);
  } finally {
    await client.end();
  }
}

async function takeLock(session: Session, source: string): Promise<void> {
  const deadline = performance.now() + LOCK_PATIENCE_MS;
  while (!(await session.tryLead())) {
    if (performance.now() > deadline) {
      const what = `a relay leads ${source} on this database, so its history is the one in the stream`;
      throw new BanyanError('BANYAN_EPOCH_REFUSED', what);
    }
    await wait(LOCK_RETRY_MS);
  }
}

interface Found {
  record: SourceRecord;
  newest: Tick;
  broker: Broker;
  tail: Tail | undefined;
}

async function decide(session: Session, nats: NatsConnection, options: NewEpochOptions): Promise<NewEpoch> {
  const { source } = options;
  const record = await readSource(session.client, source);
  const witness = await Witness.open(nats, { source, replicas: 1, logger: silentLogger });
  try {
    const first = await look(session, nats, { source, record });
    const epoch = Math.max(record.epoch, witness.record?.epoch ?? 0, first.tail?.epoch ?? 0) + 1;
    if (options.apply === false)
      return summary(options, first, decisionOf(options, first, { epoch, witness }));
    const holder = `new-epoch/${crypto.randomUUID()}`;
    const before = { epoch, witness: { record: witness.record } };
    await witness.take({ epoch, ...record.identity, holder, acked: undefined }, () => undefined);
    await wait(STEP_DOWN_MS);
    const found = await look(session, nats, { source, record });
    const decision = decisionOf(options, found, before);
    const republished = await rebase(session.client, found.broker, decision);
    return { ...summary(options, found, decision), applied: true, republished };
  } finally {
    witness.close();
  }
}

async function look(
  session: Session,
  nats: NatsConnection,
  { source, record }: { source: string; record: SourceRecord },
): Promise<Found> {
  const manager = await openManager(nats);
  const stream = await readStream(manager, source);
  const tail = stream === undefined ? undefined : await readTail(manager, stream, source);
  return { record, newest: await newestTick(session.client), broker: { nats, manager, stream }, tail };
}

/** No tick's number and no position's is used twice, whichever history they were of. */
function decisionOf(
  options: NewEpochOptions,
  { record, newest, tail }: Found,
  known: { epoch: number; witness: Pick<Witness, 'record'> },
): Decision {
  const { acked } = known.witness.record ?? { acked: undefined };
  return {
    source: options.source,
    epoch: known.epoch,
    baseTick: Math.max(newest.tick, tail?.tick ?? 0, acked?.tick ?? 0) + 1,
    baseN: Math.max(lastNOf(newest), tail?.n ?? 0, acked?.n ?? 0),
    by: options.by ?? `${userInfo().username}@${hostname()}`,
    reason: options.reason,
    identity: record.identity,
    streamTail: tail === undefined ? undefined : formatPosition(tail.epoch, tail.n),
  };
}

function summary(options: NewEpochOptions, { record, newest }: Found, decision: Decision): NewEpoch {
  const { systemIdentifier, timeline } = record.identity;
  return {
    source: options.source,
    applied: false,
    epoch: decision.epoch,
    previousEpoch: record.epoch,
    database: { systemIdentifier, timeline },
    noted: record.noted,
    lastN: lastNOf(newest),
    streamTail: decision.streamTail,
    baseN: decision.baseN,
    republished: undefined,
  };
}
