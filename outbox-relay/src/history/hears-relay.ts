import { heartbeatSubjectOf } from '@banyan/contracts';
import { wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';

/** Longer than the longest pause between two heartbeats. In ms. */
const LISTEN_MS = 1500;

/** True if a relay of the source is heard to lead, now. */
export async function hearsRelay(nats: NatsConnection, source: string): Promise<boolean> {
  const heard = new AbortController();
  const subscription = nats.subscribe(heartbeatSubjectOf(source), { callback: () => heard.abort() });
  await wait(LISTEN_MS, heard.signal);
  subscription.unsubscribe();
  return heard.signal.aborted;
}
