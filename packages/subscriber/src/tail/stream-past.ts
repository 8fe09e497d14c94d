import { streamOf } from '@banyan/contracts';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { readEvent, type IncomingEvent } from '../incoming-event.js';
import type { TailEvent } from './options.js';

const PAGE_EVENTS = 500;
/** How long the broker may be silent before what is missing counts as gone, in ms. */
const SILENCE_MS = 3000;

/** A range of a source's positions, both ends included. */
export interface PastRange {
  epoch: number;
  fromN: number;
  toN: number;
  /** Where some event of the stream lies: positions and sequences are dense, so this says where the range lies. */
  near: { n: number; sequence: number };
}

/**
 * Reads events that are past out of the stream.
 * @returns all of them in order, or undefined if the stream does not hold the range whole where it must lie
 */
export async function streamPast(
  nats: NatsConnection,
  source: string,
  range: PastRange,
): Promise<TailEvent[] | undefined> {
  const { fromN, toN, near } = range;
  const first = near.sequence - (near.n - fromN);
  if (first < 1) return undefined;
  const consumer = await jetstream(nats).consumers.get(streamOf(source), {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: first,
  });
  const events: IncomingEvent[] = [];
  for (let missing = toN - fromN + 1; missing > 0; missing = toN - fromN + 1 - events.length) {
    const before = events.length;
    const page = await consumer.fetch({ max_messages: Math.min(PAGE_EVENTS, missing), expires: SILENCE_MS });
    for await (const message of page) events.push(readEvent(message));
    if (events.length === before || !isWhole(events, range)) return undefined;
  }
  return events;
}

/** True while each event has the position that its place in the range says. */
function isWhole(events: readonly IncomingEvent[], { epoch, fromN }: PastRange): boolean {
  return events.every((event, i) => event.epoch === epoch && event.n === fromN + i);
}
