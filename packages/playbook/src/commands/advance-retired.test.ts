import { afterEach, beforeEach, expect, it } from 'vitest';
import { LedgerStore, type QuietProof } from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { ReportedEdge } from '../testing/reported-edge.js';
import { runBanyan, type Ended } from '../testing/run-banyan.js';

const HOUR = 3_600_000;

let nats: Awaited<ReturnType<typeof testNats>>;
let edge: ReportedEdge;
let store: LedgerStore;

beforeEach(async () => {
  nats = await testNats();
  const name = `${uniqueName('tasks')} -> ${uniqueName('projects')}.GetProject`;
  edge = new ReportedEdge(nats.connection, name, ['prefer-replica', 'retired']);
  await edge.start();
  store = await LedgerStore.open(nats.connection);
});

afterEach(async () => {
  await edge.stop();
  await nats.close();
});

const retire = (...more: string[]): Promise<Ended> =>
  runBanyan(['advance', edge.name, '--to', 'retired', '--yes', ...more], { env: { NATS_URL: nats.url } });

function proof(ago: number, forMs: number): QuietProof {
  const at = new Date(Date.now() - ago).toISOString();
  return { edge: edge.name, at, by: 'ann', forMs, calls: {}, except: [] };
}

it('retires an edge once it is proven that nobody has called for so long, and not before', async () => {
  expect(await retire()).toMatchObject({
    code: 2,
    err: expect.stringContaining('it is not proven that nobody calls: `banyan quiet <edge> --for 1h`'),
  });
  await store.putProof(proof(60_000, HOUR / 2));
  expect(await retire()).toMatchObject({
    code: 2,
    err: expect.stringContaining('nobody has called for 31m, of 1h'),
  });
  // It counts on after the proof.
  await store.putProof(proof(HOUR / 2, HOUR / 2));
  expect(await retire()).toMatchObject({ code: 0 });
});

it('retires none whose proof was refuted by a call', async () => {
  const refuted = proof(60_000, 2 * HOUR);
  await store.putProof(refuted);
  const at = '2026-01-31T12:00:00Z';
  await store.revoke(refuted, { at, caller: 'tasks', mark: '', server: 'vm-1', calls: 1 });
  expect(await retire()).toMatchObject({
    code: 2,
    err: expect.stringContaining(`tasks called at ${at}, after`),
  });
  expect((await retire('--force', '--reason', 'it is gone')).code).toBe(0);
});
