import { connect, type NatsConnection } from '@nats-io/transport-node';
import { testEngines } from './engine-service.js';

/** A connection to the NATS server that all tests of the run share. */
export interface TestNats {
  url: string;
  connection: NatsConnection;
  close: () => Promise<void>;
}

/** Connects to the shared server. Streams, buckets and subjects need a `uniqueName`. */
export async function testNats(): Promise<TestNats> {
  const { natsUrl } = await testEngines();
  const connection = await connect({ servers: natsUrl.split(',') });
  return { url: natsUrl, connection, close: () => connection.close() };
}
