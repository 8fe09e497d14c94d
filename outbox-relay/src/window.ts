import { parsePosition } from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';
import { DeliverPolicy, jetstream, type JsMsg, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { ClientBase } from 'pg';
import { otherHistory } from './history/other-history.js';
import { computeEvents } from './history/recompute.js';

/** A message among the last of a stream. */
export interface WindowMessage {
  sequence: number;
  epoch: number;
  n: number;
  tick: number;
  eventId: string;
}

export interface WindowOptions {
  source: string;
  info: StreamInfo;
  /** Sequence of the last message that is there. */
  lastSequence: number;
  /** Messages to read: as many as a relay may have had in flight. */
  length: number;
}

/**
 * Reads the last messages of a stream and checks that their positions follow one another.
 *
 * Why: the chain alone does not rule out a hole. Each message expects the sequence before its own, so when somebody else's
 * message takes the place of the first one in flight, that one is refused, and the second finds the sequence that it
 * expects. No other relay of the same history can do harm so: what it puts there is the event that belongs there. A
 * stranger can. (Chaining by `Nats-Expected-Last-Msg-Id` instead would rule it out, but a refusal by it stops a replicated
 * stream of nats-server 2.15.1 for good.)
 *
 * @throws BanyanError BANYAN_STREAM_HOLE, or BANYAN_OTHER_HISTORY for a message that no relay wrote
 */
export async function readWindow(nats: NatsConnection, options: WindowOptions): Promise<WindowMessage[]> {
  const { source, info, lastSequence, length } = options;
  const consumer = await jetstream(nats).consumers.get(info.config.name, {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: Math.max(info.state.first_seq, lastSequence - length),
    headers_only: true,
  });
  const window: WindowMessage[] = [];
  for await (const message of await consumer.consume()) {
    const here = windowMessage(message, source);
    const before = window.at(-1);
    if (before !== undefined && !follows(before, here)) throw hole(info, before, here);
    window.push(here);
    if (message.seq >= lastSequence) break;
  }
  return window;
}

/**
 * Compares the window with the events that this database computes for its positions. Why: a relay of another history can
 * have put a whole number of events among ours, so that nothing but their ids tells. Ticks that are no longer retained are
 * not compared.
 * @throws BanyanError BANYAN_OTHER_HISTORY
 */
export async function compareWindow(
  client: ClientBase,
  window: readonly WindowMessage[],
  context: { source: string; epoch: number },
): Promise<void> {
  const own = window.filter(({ epoch }) => epoch === context.epoch);
  const [first, last] = [own[0], own.at(-1)];
  if (first === undefined || last === undefined) return;
  const stretch = { fromTick: first.tick, toTick: last.tick, fromN: first.n, toN: last.n };
  const computed = await computeEvents(client, stretch);
  const idOf = new Map(computed.map(({ n, eventId }) => [n, eventId]));
  for (const { n, epoch, eventId, sequence } of own) {
    const expected = idOf.get(n);
    if (expected === undefined || expected === eventId) continue;
    throw otherHistory(
      context.source,
      `message ${sequence} of the stream holds event ${eventId} at ${epoch}.${n}, but this database has event ${expected} there`,
    );
  }
}

/** Within an epoch numbers are dense; a new epoch goes on above. */
function follows(before: WindowMessage, here: WindowMessage): boolean {
  return here.epoch === before.epoch
    ? here.n === before.n + 1
    : here.epoch > before.epoch && here.n > before.n;
}

function windowMessage(message: JsMsg, source: string): WindowMessage {
  const header = (name: string): string => message.headers?.get(name) ?? '';
  const position = header('Banyan-Position');
  if (position !== '') {
    const tick = Number(header('Banyan-Tick'));
    return { sequence: message.seq, ...parsePosition(position), tick, eventId: header('ce-id') };
  }
  throw otherHistory(
    source,
    `message ${message.seq} of the stream (${message.subject}) has no position: no relay wrote it`,
  );
}

function hole(info: StreamInfo, before: WindowMessage, here: WindowMessage): BanyanError {
  return new BanyanError(
    'BANYAN_STREAM_HOLE',
    `${info.config.name} goes from n ${before.n} (message ${before.sequence}) to n ${here.n} (message ${here.sequence})`,
  );
}
