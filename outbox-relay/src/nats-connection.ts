import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';

/**
 * A connection that never reconnects: a lost one is a doubt, and a doubt ends what was built on it. A server that does not
 * answer is given up after about three seconds, before stand-bys lose their patience.
 */
export function connectOnce(natsUrl: string, name: string): Promise<NatsConnection> {
  return connect({
    servers: natsUrl.split(','),
    name,
    reconnect: false,
    timeout: 5000,
    pingInterval: 1000,
    maxPingOut: 2,
  });
}
