import { testNats, uniqueName } from '@banyan/devstack';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { collectReports } from './collect-reports.js';
import { Reporter } from './reporter.js';

let nats: Awaited<ReturnType<typeof testNats>>;
let reporter: Reporter;
let instance: string;

beforeEach(async () => {
  nats = await testNats();
  instance = uniqueName('tasks');
  reporter = new Reporter({ connection: nats.connection, service: 'tasks', instance, edges: [] });
  await reporter.start();
});
afterEach(async () => {
  reporter.stop();
  await nats.close();
});

it('hears those who answer although it stood still itself for as long as it meant to wait', async () => {
  const reports = collectReports(nats.connection, { waitMs: 200 });
  for (const untilMs = performance.now() + 500; performance.now() < untilMs;);
  expect((await reports).map((report) => report.instance)).toContain(instance);
});
