import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { silentLogger } from '@banyan/runtime';
import { expect, it } from 'vitest';
import { resolveSourceRelayOptions } from './options.js';
import { Retention } from './retention.js';

it('stops while it waits for a database that does not let it in', async () => {
  const database = createServer((socket) => socket.on('error', () => undefined).resume());
  await once(database.listen(0, '127.0.0.1'), 'listening');
  const { port } = database.address() as AddressInfo;
  const databaseUrl = `postgres://nobody@127.0.0.1:${port}/silent`;
  const given = { source: 'projects', databaseUrl, natsUrl: 'nats://nowhere', logger: silentLogger };
  const retention = new Retention(resolveSourceRelayOptions({ ...given, retentionCheckMs: 10 }), () => 0);
  const connected = once(database, 'connection');
  try {
    retention.start();
    await connected;
    await expect(retention.stop()).resolves.toBeUndefined();
  } finally {
    database.close();
  }
});
