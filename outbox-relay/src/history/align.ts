import { BanyanError, wait, type Logger } from '@banyan/runtime';
import type { StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { ClientBase } from 'pg';
import { checkShards, claimSource, readSource, type Identity, type SourceRecord } from '../source-record.js';
import { checkServer, findStream, openManager } from '../stream.js';
import { locateTail, readTail, type Place, type Tail } from '../tail.js';
import { lastNOf, readTick } from '../tick.js';
import { compareWindow, readWindow } from '../window.js';
import { judgeByWitness, judgeDatabase } from './judge-history.js';
import { otherHistory } from './other-history.js';
import { hearsRelay } from './hears-relay.js';
import { Witness, type WitnessRecord } from './witness.js';

/** How long a leader of another database has to step down, once it can know of this one, in ms. */
const STEP_DOWN_MS = 500;

export interface AlignOptions {
  source: string;
  shards: number;
  streamReplicas: number;
  maxInFlight: number;
  logger: Logger;
}

/** What is needed to align. The client's session holds the leader's lock. */
export interface AlignContext {
  client: ClientBase;
  nats: NatsConnection;
  options: AlignOptions;
  /** The name of this relay, for people. */
  relay: string;
}

/** Where database and stream agree, and the claim on both. */
export interface Alignment {
  record: SourceRecord;
  witness: Witness;
  stream: StreamInfo;
  place: Place;
}

/**
 * Establishes that database and stream tell one history, finds the place to go on from, and claims the source: everything
 * that a relay must know before it may take a tick or publish. It changes nothing before it is sure.
 *
 * @param onLost called when a relay of another database claims the source
 * @throws BanyanError BANYAN_OTHER_HISTORY, BANYAN_STREAM_HOLE, BANYAN_NOT_RETAINED, BANYAN_STREAM_CONFIG, …
 */
export async function align(context: AlignContext, onLost: () => void): Promise<Alignment> {
  const { client, nats, options, relay } = context;
  const { source, logger, streamReplicas } = options;
  const record = await readSource(client, source);
  checkShards(options, record.shards);
  judgeDatabase(source, record);
  checkServer(nats);
  const witness = await Witness.open(nats, { source, replicas: streamReplicas, logger });
  try {
    const before = witness.record;
    await judgeByWitness(client, source, { record, witness: before });
    const compare = (): Promise<Compared> => compareWithStream(context, record);
    const claimed = claimOf(record, before, relay);
    if (before === undefined || before.instance === record.identity.instance) {
      const compared = await compare();
      await witness.take(claimed, onLost);
      await claimSource(client, source, { relay, identity: record.identity });
      return { record, witness, ...compared };
    }
    await compare();
    if (!isOlder(before, record)) await refuseIfAlive(context, before);
    await witness.take(claimed, onLost);
    // What an older one had in flight may have landed meanwhile.
    await wait(STEP_DOWN_MS);
    const compared = await compare();
    await claimSource(client, source, { relay, identity: record.identity });
    return { record, witness, ...compared };
  } catch (error) {
    witness.close();
    throw error;
  }
}

/** True if the one that published last has to give way: this database was promoted, or began a new epoch. */
function isOlder(witness: WitnessRecord, { epoch, identity }: SourceRecord): boolean {
  return witness.epoch < epoch || witness.timeline < identity.timeline;
}

/** This database's lock is ours, so a leader that is heard leads on another one: a copy of it. */
async function refuseIfAlive({ nats, options }: AlignContext, witness: WitnessRecord): Promise<void> {
  if (!(await hearsRelay(nats, options.source))) return;
  throw otherHistory(
    options.source,
    `relay ${witness.holder} publishes from another copy of this database (${witness.instance})`,
  );
}

function claimOf(record: SourceRecord, before: WitnessRecord | undefined, relay: string): WitnessRecord {
  const identity: Identity = record.identity;
  const holder = `${relay}/${crypto.randomUUID()}`;
  const acked = before?.epoch === record.epoch ? before.acked : undefined;
  return { epoch: record.epoch, ...identity, holder, acked };
}

interface Compared {
  stream: StreamInfo;
  place: Place;
}

async function compareWithStream(context: AlignContext, record: SourceRecord): Promise<Compared> {
  const { client, nats, options } = context;
  const { source, maxInFlight, logger } = options;
  const manager = await openManager(nats);
  const replicas = options.streamReplicas;
  const stream = await findStream(manager, { source, replicas, logger, ackedN: record.ackedN });
  const tail = await readTail(manager, stream, source);
  if (tail === undefined) return { stream, place: await placeInEmpty(client, stream, record) };
  const window = { source, info: stream, lastSequence: tail.sequence, length: maxInFlight };
  const messages = await readWindow(nats, window);
  const place = await placeAfter(client, source, { tail, record });
  await compareWindow(client, messages, { source, epoch: record.epoch });
  return { stream, place };
}

interface AfterTail {
  tail: Tail;
  record: SourceRecord;
}

/** After the stream's last event; or where the epoch begins, if the stream has none of it yet. */
async function placeAfter(client: ClientBase, source: string, { tail, record }: AfterTail): Promise<Place> {
  if (tail.epoch >= record.epoch) return locateTail(client, tail, { source, epoch: record.epoch });
  return placeAt(client, record.baseTick);
}

/**
 * A stream without any event starts over at the epoch's first position; unless messages have been in it and all have
 * expired, when the noted acknowledgement says how far it was.
 */
function placeInEmpty(client: ClientBase, stream: StreamInfo, record: SourceRecord): Promise<Place> {
  return placeAt(client, stream.state.last_seq > 0 ? record.ackedTick : record.baseTick);
}

async function placeAt(client: ClientBase, number: number): Promise<Place> {
  const tick = await readTick(client, number);
  if (tick !== undefined) return { n: lastNOf(tick), tick, heads: [...tick.heads] };
  throw new BanyanError('BANYAN_NOT_RETAINED', `the stream is empty and tick ${number} is no longer known`);
}
