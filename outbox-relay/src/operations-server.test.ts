import {
  decodeRelayReport,
  encodeHeartbeat,
  heartbeatSubjectOf,
  RELAY_REPORT_SUBJECT,
  streamOf,
} from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RelayProcess } from './relay-process.js';

let database: TestDatabase;
let nats: TestNats;
let source: string;
let relay: RelayProcess | undefined;

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  source = uniqueName('projects');
});

afterEach(async () => {
  await relay?.stop();
  relay = undefined;
  await (await jetstreamManager(nats.connection)).streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

async function start(databaseUrl = database.url): Promise<string> {
  relay = await RelayProcess.start({
    natsUrl: nats.url,
    http: '127.0.0.1:0',
    logLevel: 'error',
    maxUnsentAgeMs: 2000,
    sources: [{ source, databaseUrl, natsUrl: nats.url }],
  });
  return `http://${relay.http ?? ''}`;
}

const codeOf = async (url: string): Promise<number> => (await fetch(url)).status;

const eventually = (read: () => Promise<unknown>, expected: unknown): Promise<void> =>
  vi.waitFor(async () => expect(await read()).toEqual(expected), { timeout: 60_000, interval: 20 });

describe('/readyz', () => {
  it('says yes while events flow', async () => {
    const http = await start();
    await eventually(() => codeOf(`${http}/readyz`), 200);
    expect(await codeOf(`${http}/healthz`)).toBe(200);
  });

  it('says no, and which source, while they do not, though the process is well', async () => {
    const http = await start('postgres://nobody@127.0.0.1:1/nowhere');
    expect(await codeOf(`${http}/healthz`)).toBe(200);
    const response = await fetch(`${http}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      status: 'events do not flow',
      sources: [{ source, flowing: false }],
    });
  });

  it('goes by what is in the stream, not by who is alive: an old heartbeat is none', async () => {
    const http = await start('postgres://nobody@127.0.0.1:1/nowhere');
    const beat = (asOfMs: number): void => {
      const heads = new Array<number>(64).fill(0);
      const heartbeat = encodeHeartbeat({ source, epoch: 1, tick: 1, n: 0, heads, asOfMs, timeline: 1 });
      nats.connection.publish(heartbeatSubjectOf(source), heartbeat);
    };
    await eventually(() => {
      beat(Date.now());
      return codeOf(`${http}/readyz`);
    }, 200);
    await eventually(() => {
      beat(Date.now() - 60_000);
      return codeOf(`${http}/readyz`);
    }, 503);
  });
});

describe('/metrics', () => {
  it('counts what was published, and names the state', async () => {
    const http = await start();
    await database.pool.query(`select banyan.emit('project', 'p', 'ProjectRenamed', 'x')`);
    const metrics = async (): Promise<string> => (await fetch(`${http}/metrics`)).text();
    await vi.waitFor(
      async () => {
        const text = await metrics();
        expect(text).toMatch(
          new RegExp(`banyan_relay_published_events_total\\{source="${source}"[^}]*\\} 1\\b`),
        );
        expect(text).toMatch(
          new RegExp(`banyan_relay_state\\{source="${source}",state="leading"[^}]*\\} 1\\b`),
        );
        expect(text).toMatch(new RegExp(`banyan_relay_acked_position\\{source="${source}"[^}]*\\} 1\\b`));
      },
      { timeout: 60_000, interval: 20 },
    );
  });
});

describe('the report over NATS', () => {
  it('says what the process does for each source', async () => {
    await start();
    const own = async (): Promise<unknown> => {
      const answers = await nats.connection.requestMany(RELAY_REPORT_SUBJECT, '', { maxWait: 2000 });
      for await (const answer of answers) {
        const report = decodeRelayReport(answer.string())?.sources.find((each) => each.source === source);
        if (report !== undefined) return report;
      }
      return undefined;
    };
    await eventually(
      own,
      expect.objectContaining({ source, state: 'leading', unsentAgeMs: expect.any(Number) }),
    );
  });
});
