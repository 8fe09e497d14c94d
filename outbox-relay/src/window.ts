import { parsePosition } from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';
import { DeliverPolicy, jetstream, type JsMsg, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

/**
 * Checks the last messages of a stream, as many as a relay may have had in flight: their positions follow one another.
 *
 * Why: the chain alone does not rule out a hole. Each message expects the sequence before its own, so when somebody else's
 * message takes the place of the first one in flight, that one is refused, and the second finds the sequence that it
 * expects. No other relay of the same history can do harm so: what it puts there is the event that belongs there. A
 * stranger can. (Chaining by `Nats-Expected-Last-Msg-Id` instead would rule it out, but a refusal by it stops a replicated
 * stream of nats-server 2.15.1 for good.)
 *
 * @throws BanyanError BANYAN_STREAM_HOLE, or BANYAN_OTHER_HISTORY for a message that no relay wrote
 */
export async function checkWindow(nats: NatsConnection, info: StreamInfo, length: number): Promise<void> {
  const { first_seq: first, last_seq: last, messages } = info.state;
  if (messages === 0) return;
  const consumer = await jetstream(nats).consumers.get(info.config.name, {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: Math.max(first, last - length),
    headers_only: true,
  });
  let before: { n: number; seq: number } | undefined;
  for await (const message of await consumer.consume()) {
    const here = { n: positionOf(message, info), seq: message.seq };
    if (before !== undefined && here.n !== before.n + 1) throw hole(info, before, here);
    before = here;
    if (message.info.pending === 0) return;
  }
}

function positionOf(message: JsMsg, info: StreamInfo): number {
  const position = message.headers?.get('Banyan-Position') ?? '';
  if (position !== '') return parsePosition(position).n;
  const what = `message ${message.seq} of ${info.config.name} (${message.subject}) has no position`;
  throw new BanyanError('BANYAN_OTHER_HISTORY', `${what}: no relay wrote it`);
}

function hole(
  info: StreamInfo,
  before: { n: number; seq: number },
  here: { n: number; seq: number },
): BanyanError {
  return new BanyanError(
    'BANYAN_STREAM_HOLE',
    `${info.config.name} goes from n ${before.n} (message ${before.seq}) to n ${here.n} (message ${here.seq})`,
  );
}
