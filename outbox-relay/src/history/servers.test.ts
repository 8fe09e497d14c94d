import { streamOf } from '@banyan/contracts';
import {
  startNats,
  startNatsCluster,
  temporaryFolder,
  testDatabase,
  uniqueName,
  type NatsCluster,
  type NatsServer,
  type TemporaryFolder,
  type TestDatabase,
} from '@banyan/devstack';
import { messageOf } from '@banyan/runtime';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { auditStream, isBalanced } from '../audit.js';
import { Chain } from '../chain.js';
import { WrittenHeaders } from '../written-headers.js';
import { SourceRelay } from '../source-relay.js';

// The oldest nats-server that is supported, and the newest that Debian has.
const SUITES = ['trixie', 'sid'];
const BATCH = 5000;
const patience = { timeout: 60_000, interval: 20 };

// Elections take their time on a busy machine.
vi.setConfig({ testTimeout: 240_000 });

/** Those that this machine has or can get. Without a network and a cache it can be none. */
async function available(): Promise<string[]> {
  const found: string[] = [];
  for (const suite of SUITES) {
    vi.stubEnv('BANYAN_NATS_SUITE', suite);
    const folder = await temporaryFolder();
    try {
      const server = await startNats({ dir: folder.path, own: true });
      process.stderr.write(`nats-server of Debian ${suite}: ${server.serverVersion}\n`);
      await server.stop();
      found.push(suite);
    } catch (error) {
      process.stderr.write(`not tested, nats-server of Debian ${suite}: ${messageOf(error)}\n`);
    } finally {
      await folder.remove();
    }
  }
  vi.unstubAllEnvs();
  return found;
}

const suites = await available();
const cases = SUITES.flatMap((suite) => [1, 3].map((nodes) => ({ suite, nodes })));

describe.each(cases)('nats-server of Debian $suite with $nodes node(s)', ({ suite, nodes }) => {
  /** For what only several servers can show. */
  const inCluster = (name: string, test: () => Promise<void>): void => {
    if (nodes > 1) it(name, test);
  };

  describe.skipIf(!suites.includes(suite))('', () => {
    let folder: TemporaryFolder;
    let cluster: { servers: readonly NatsServer[]; url: string; stop: () => Promise<void> };
    let nats: NatsConnection;
    let manager: JetStreamManager;
    let database: TestDatabase;
    let source: string;
    let relays: SourceRelay[];

    beforeAll(async () => {
      folder = await temporaryFolder();
      vi.stubEnv('BANYAN_NATS_SUITE', suite);
      for (let attempt = 1; ; attempt++) {
        const dir = `${folder.path}/${attempt}`;
        cluster = nodes === 1 ? await one(dir) : await startNatsCluster({ dir, nodes });
        nats = await connect({
          servers: cluster.url.split(','),
          maxReconnectAttempts: -1,
          reconnectTimeWait: 50,
        });
        manager = await jetstreamManager(nats);
        if (await takesStreams()) break;
        process.stderr.write(`the servers of ${suite} did not find each other, attempt ${attempt}\n`);
        await nats.close();
        await cluster.stop();
        if (attempt === 3) throw new Error(`no cluster of ${nodes} servers came about`);
      }
      vi.unstubAllEnvs();
    }, 240_000);

    /** Whether a stream with a copy on every server can be had: a busy machine may start them too far apart. */
    async function takesStreams(): Promise<boolean> {
      const name = uniqueName('PROBE');
      try {
        await vi.waitFor(() => manager.streams.add({ name, subjects: [`${name}.>`], num_replicas: nodes }), {
          timeout: 15_000,
          interval: 100,
        });
        return await manager.streams.delete(name);
      } catch {
        return false;
      }
    }

    afterAll(async () => {
      await nats.close();
      await cluster.stop();
      await folder.remove();
    });

    beforeEach(async () => {
      database = await testDatabase({ roles: ['outbox'] });
      source = uniqueName('projects');
      relays = [];
    });

    afterEach(async () => {
      await Promise.all(relays.map((relay) => relay.stop()));
      await database.drop();
    });

    function startRelay(): SourceRelay {
      const relay = new SourceRelay({
        ...{ source, databaseUrl: database.url, natsUrl: cluster.url, streamReplicas: nodes },
        ...{ retryFirstDelayMs: 20, retryMaxDelayMs: 300, ackTimeoutMs: 1500 },
      });
      relays.push(relay);
      relay.start();
      return relay;
    }

    async function emit(count: number): Promise<void> {
      await database.pool.query(
        `select count(banyan.emit('project', 'p' || i % 50, 'ProjectRenamed', decode(repeat('ab', 500), 'hex')))
         from generate_series(1, $1::int) i`,
        [count],
      );
    }

    const acked = (relay: SourceRelay, n: number): Promise<void> =>
      vi.waitFor(() => expect(relay.status).toMatchObject({ state: 'leading', ackedN: n }), patience);

    const ackedBeyond = (relay: SourceRelay, n: number): Promise<void> =>
      vi.waitFor(() => expect(relay.status.ackedN ?? 0, JSON.stringify(relay.status)).toBeGreaterThan(n), {
        ...patience,
        interval: 1,
      });

    async function expectBalance(): Promise<void> {
      const report = await auditStream(database.pool, nats, source);
      expect(isBalanced(report), JSON.stringify(report)).toBe(true);
    }

    /** The server that leads the stream. */
    async function leader(): Promise<NatsServer> {
      const info = await manager.streams.info(streamOf(source));
      const names = await Promise.all(cluster.servers.map(nameOf));
      const found = cluster.servers[names.indexOf(info.cluster?.leader ?? names[0] ?? '')];
      if (found === undefined) throw new Error(`no server is ${info.cluster?.leader ?? '?'}`);
      return found;
    }

    it('refuses the messages of a relay that is behind, and keeps the stream as it was', async () => {
      await emit(3);
      await acked(startRelay(), 3);
      const stale = new Chain(
        nats,
        { sequence: 1, n: 1 },
        { maxInFlight: 9, maxInFlightBytes: 9999, ackTimeoutMs: 60_000 },
      );
      const message = { subject: `evt.${source}.project.ProjectRenamed.07`, payload: new Uint8Array(1) };
      for (const n of [2, 3]) stale.send({ n, ...message, headers: new WrittenHeaders('') });
      await expect(stale.settled()).rejects.toThrow(/BANYAN_FENCED: wrong last sequence: 3 \(400\/10071\)/);
      stale.close();
      await emit(1);
      await acked(relays[0]!, 4);
      await expectBalance();
    });

    it('is read back after a leader was killed in the middle of a batch', async () => {
      await emit(BATCH);
      const relay = startRelay();
      await ackedBeyond(relay, 0);
      const killed = await leader();
      killed.kill();
      await killed.restart();
      await acked(relay, BATCH);
      await vi.waitFor(expectBalance, patience);
    });

    inCluster('keeps its chain while leaders step down in the middle of a batch', async () => {
      await emit(BATCH);
      const relay = startRelay();
      for (let part = 0; part < 3; part++) {
        await ackedBeyond(relay, (part * BATCH) / 4);
        await nats
          .request(`$JS.API.STREAM.LEADER.STEPDOWN.${streamOf(source)}`, '', { timeout: 5000 })
          .catch(() => undefined);
      }
      await acked(relay, BATCH);
      await expectBalance();
    });

    inCluster('may be without a leader for a while: nothing is lost, and it goes on by itself', async () => {
      await emit(10);
      const relay = startRelay();
      await acked(relay, 10);
      const [first, second] = cluster.servers;
      await Promise.all([first?.stop(), second?.stop()]);
      await emit(20);
      const before = relay.status.failures;
      await vi.waitFor(() => expect(relay.status.failures).toBeGreaterThan(before + 1), patience);
      expect(relay.status.state).not.toBe('refusing');
      await Promise.all([first?.restart(), second?.restart()]);
      await acked(relay, 30);
      await vi.waitFor(expectBalance, patience);
    });

    it('gets a lost tail back at the same positions', async () => {
      await emit(6);
      const former = startRelay();
      await acked(former, 6);
      const lost = await manager.streams.getMessage(streamOf(source), { seq: 5 });
      await former.stop();
      await cutTo(3);
      await acked(startRelay(), 6);
      const back = await manager.streams.getMessage(streamOf(source), { seq: 5 });
      expect(back?.header.get('ce-id')).toBe(lost?.header.get('ce-id'));
      expect(back?.header.get('Banyan-Position')).toBe('1.5');
      await expectBalance();
    });

    /** The stream with its first messages only. */
    async function cutTo(count: number): Promise<void> {
      const { config } = await manager.streams.info(streamOf(source));
      const kept = [];
      for (let seq = 1; seq <= count; seq++)
        kept.push(await manager.streams.getMessage(config.name, { seq }));
      await manager.streams.delete(config.name);
      await manager.streams.add(config);
      for (const message of kept) {
        message?.header.delete('Nats-Expected-Last-Sequence');
        await nats.request(message?.subject ?? '', message?.data, {
          headers: message!.header,
          timeout: 20_000,
        });
      }
    }
  });
});

async function one(dir: string): Promise<Pick<NatsCluster, 'servers' | 'url' | 'stop'>> {
  const server = await startNats({ dir, own: true });
  return { servers: [server], url: server.url, stop: () => server.stop() };
}

async function nameOf(server: NatsServer): Promise<string> {
  const connection = await connect({ servers: server.url });
  const name = connection.info?.server_name ?? '';
  await connection.close();
  return name;
}
