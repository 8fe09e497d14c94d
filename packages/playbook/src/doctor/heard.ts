import { decodeHeartbeat, heartbeatSubjectOf, type Heartbeat } from '@banyan/contracts';
import { wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';

/** Relays send one at least every second, in ms. */
const LISTEN_MS = 1_500;

/** The last heartbeat of each source that is heard while one listens. */
export async function hearHeartbeats(connection: NatsConnection): Promise<Map<string, Heartbeat>> {
  const heard = new Map<string, Heartbeat>();
  const subscription = connection.subscribe(heartbeatSubjectOf('*'), {
    callback: (error, message) => {
      const heartbeat = error === null ? decodeHeartbeat(message.string()) : undefined;
      if (heartbeat !== undefined) heard.set(heartbeat.source, heartbeat);
    },
  });
  await wait(LISTEN_MS);
  subscription.unsubscribe();
  return heard;
}
