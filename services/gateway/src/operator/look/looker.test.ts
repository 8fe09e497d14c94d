import { collectReports, defaultTerms, Reporter, REPORT_SUBJECT, type ProcessReport } from '@banyan/control';
import { startProxy, testNats, uniqueName, type TcpProxy, type TestNats } from '@banyan/devstack';
import { silentLogger, wait } from '@banyan/runtime';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Overview } from '../wire.js';
import { BrokerView } from './broker-view.js';
import { Looker } from './looker.js';

let nats: TestNats;
let proxy: TcpProxy;
let connection: NatsConnection;
let looker: Looker;
/** Where the looker hears its answers, and no other test that asks. */
let inboxPrefix: string;

beforeEach(async () => {
  nats = await testNats();
  proxy = await startProxy({ target: nats.url });
  inboxPrefix = uniqueName('looker');
  const again = { reconnectTimeWait: 20, maxReconnectAttempts: -1 };
  connection = await connect({ servers: proxy.url, inboxPrefix, ...again });
  looker = new Looker({
    broker: new BrokerView(Promise.resolve(connection)),
    ...{ termsFor: defaultTerms, plan: undefined, onChange: () => undefined, logger: silentLogger },
  });
});
afterEach(async () => {
  await looker.stop();
  await connection.close();
  await proxy.close();
  await nats.close();
});

it('keeps what it knew when the broker goes in the middle of a look', async () => {
  const service = uniqueName('tasks');
  const knows = ({ services }: Overview): boolean => services.some(({ name }) => name === service);
  const told: Overview[] = [];
  const process = await processOf(service);
  looker.start();
  looker.watch((overview) => {
    // Whoever does not answer and whoever is not heard since the connection broke are the same to one that asks.
    process.isMute ||= knows(overview);
    told.push(overview);
  });
  await vi.waitUntil(() => process.isAskedInVain, { timeout: 20_000, interval: 5 });
  // What the broker answers by itself has come: only processes are waited for.
  await wait(150);
  told.length = 0;
  proxy.cut();
  await expect.poll(() => told[0]).toSatisfy(knows);
  await expect.poll(() => told.at(-1)).not.toSatisfy(knows);
});

interface MuteProcess {
  isMute: boolean;
  isAskedInVain: boolean;
}

/** A process that says of itself what one without edges does, until it is mute. */
async function processOf(service: string): Promise<MuteProcess> {
  const reporter = new Reporter({ connection: nats.connection, service, edges: [] });
  await reporter.start();
  const report = JSON.stringify(await reportOf(service));
  reporter.stop();
  const process = { isMute: false, isAskedInVain: false };
  nats.connection.subscribe(REPORT_SUBJECT, {
    callback: (_, question) => {
      if (!process.isMute) question.respond(report);
      else if (question.reply?.startsWith(inboxPrefix) === true) process.isAskedInVain = true;
    },
  });
  await nats.connection.flush();
  return process;
}

async function reportOf(service: string): Promise<ProcessReport> {
  const find = async () =>
    (await collectReports(nats.connection)).find((report) => report.service === service);
  return vi.waitUntil(find, { timeout: 20_000 });
}
