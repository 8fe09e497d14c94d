import { streamOf, subjectsOf } from '@banyan/contracts';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { readEvent } from '../incoming-event.js';
import type { StoredPosition } from '../judge.js';
import type { StreamHint } from '../position-store.js';

export interface StreamEnd {
  /** Of the last event; undefined: there is none in the stream. */
  position: StoredPosition | undefined;
  hint: StreamHint;
}

/**
 * Where a source's stream ends now, as its leader says.
 * @throws whatever JetStream says if there is no stream
 */
export async function streamEnd(nats: NatsConnection, source: string): Promise<StreamEnd> {
  const { streams } = await jetstreamManager(nats);
  const { created, state } = await streams.info(streamOf(source));
  const last = await streams.getMessage(streamOf(source), { last_by_subj: subjectsOf(source) });
  if (last === null) return { position: undefined, hint: { created, sequence: state.last_seq } };
  const { subject, seq, data, header } = last;
  const { epoch, n } = readEvent({ subject, seq, data, headers: header });
  return { position: { epoch, n }, hint: { created, sequence: seq } };
}
