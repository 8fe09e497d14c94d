import { setTimeout as pause } from 'node:timers/promises';
import { ProjectsServiceService } from '@banyan/contracts/projects';
import { collectReports } from '@banyan/control';
import { temporaryFolder, uniqueName } from '@banyan/devstack';
import { EdgeProcess } from '@banyan/edge';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { end, ProjectsSystem, type Ended } from './projects-system.js';
import { Random } from './traffic/random.js';

const ROWS = 3000;
/** Rows a second: so few that it is still at them after each kill, however long the machine pauses. */
const SLOW = 250;
const QUICK = 5_000;

let system: ProjectsSystem;

beforeEach(async () => {
  system = await ProjectsSystem.start(ROWS);
  system.follow();
});

afterEach(() => system.stop());

async function emitted(): Promise<number> {
  const { rows } = await system.database.pool.query<{ emitted: number }>(
    'select coalesce(max(emitted), 0)::int as emitted from banyan.backfill',
  );
  return rows[0]?.emitted ?? 0;
}

async function expectOneSnapshotEach(): Promise<void> {
  const { rows } = await system.database.pool.query<object>(`
    select count(*)::int = count(distinct aggregate_id)::int as "onceEach",
      count(*)::int = (select emitted::int from banyan.backfill) as "asCounted",
      (select count(*)::int from project p where id between 1 and ${ROWS} and not exists (
        select from banyan.outbox o where o.aggregate_id = p.id::text and o.event_type = 'ProjectSnapshot')) as missing
    from banyan.outbox where event_type = 'ProjectSnapshot'`);
  expect(rows).toEqual([{ onceEach: true, asCounted: true, missing: 0 }]);
}

it('sends each row once through kills at any moment, while writers go on, and the replica ends equal to the source', async () => {
  const random = new Random(3);
  system.writers.start(3);
  let pair = await Promise.all([system.startChild(SLOW), system.startChild(SLOW)]);
  const command = system.heeded('backfill', system.table, '--wait');
  for (let kill = 0; kill < 5; kill++) {
    const before = await emitted();
    const went = { timeout: 60_000, interval: 5 };
    await vi.waitFor(async () => expect(await emitted()).toBeGreaterThan(before), went);
    await pause(random.below(40));
    await Promise.all(pair.map(end));
    const rate = kill < 4 ? SLOW : QUICK;
    pair = await Promise.all([system.startChild(rate), system.startChild(rate)]);
  }
  const { code, out } = await command;
  expect(out).toContain(`applied by ${system.subscriber}`);
  expect(code).toBe(0);
  await system.writers.stop();
  await expectOneSnapshotEach();
  const settled = { timeout: 60_000, interval: 100 };
  await vi.waitFor(async () => {
    const { source, replica } = await system.rows();
    expect(replica).toEqual(source);
  }, settled);
  expect(system.writers.changes).toBeGreaterThan(100);
}, 400_000);

it('is shown, paused, resumed and cancelled from the terminal', async () => {
  const { table, source } = system;
  await system.startChild(SLOW);
  const banyan = (...args: string[]) => system.heeded('backfill', ...args);
  expect((await banyan(table, '--rate', '100', '--detach')).code).toBe(0);
  expect(await banyan('status', table)).toMatchObject({ code: 2, out: expect.stringMatching(/rows/) });
  expect((await banyan('pause', `${system.subscriber}/${table}`)).out).toMatch(/paused/);
  expect((await banyan('resume', `${source}/project`)).code).toBe(0);
  const cancelled = await banyan('cancel', table, '--json');
  expect(JSON.parse(cancelled.out)).toMatchObject({ ok: true, backfills: [{ state: 'cancelled', source }] });
  expect((await banyan('status', table)).code).toBe(1);
  expect(await banyan('resume', table)).toMatchObject({ code: 1, out: expect.stringMatching(/REFUSED/) });
}, 240_000);

it('is asked for by the gate of an edge whose replica needs it, and by no other', async () => {
  const folder = await temporaryFolder();
  const edges = edgesOf(folder.path);
  await edges.process.start();
  const { connection } = edges.process;
  try {
    const ready = async (): Promise<boolean> => {
      const reports = await collectReports(await connection, { waitMs: 300 });
      const mine = reports.flatMap((report) => report.edges).filter(({ edge }) => edges.names.includes(edge));
      return mine.every((edge) => edge.kind === 'query' && edge.subscriber?.backfill?.isFromFirst === true);
    };
    await expect.poll(ready).toBe(true);
    const [needs, other] = edges.names;
    const advance = (edge = ''): Promise<Ended> => system.banyan('advance', edge, '--yes');
    /** A process that is too busy to be heard of in time is asked again: nothing was done then. */
    const expectOf = (edge: string | undefined, ended: object): Promise<void> =>
      vi.waitFor(async () => expect(await advance(edge)).toMatchObject(ended), { timeout: 60_000 });
    await expectOf(other, { code: 0 });
    const remedy = `banyan backfill start ${system.source}/project --wait`;
    const refused = { code: 2, out: expect.stringContaining(`is declared to need it: ${remedy}`) };
    await expectOf(needs, refused);
    await system.startChild(20_000);
    await expectOf(needs, refused);
    expect(await system.heeded('backfill', 'start', `${system.source}/project`, '--wait')).toMatchObject({
      code: 0,
    });
    await expectOf(needs, { code: 0 });
  } finally {
    await edges.process.stop();
    await folder.remove();
  }
}, 240_000);

/** Two edges on one replica: the owner of the first says that the table is older than the outbox. */
function edgesOf(stateDir: string): { process: EdgeProcess; names: string[] } {
  const service = uniqueName('tasks');
  const names = [`${service} -> projects.GetProject`, `${service} -> projects.GetName`];
  const [natsUrl, databaseUrl] = [system.nats.url, system.reader.url];
  const process = new EdgeProcess({ service, natsUrl, stateDir, databaseUrl });
  const follow = { name: 'gated', sources: [system.source], pollIntervalMs: 50 };
  const subscriber = process.follow({ ...follow, handlers: [system.newReplica()] });
  for (const [i, edge] of names.entries())
    process.query({
      edge,
      method: ProjectsServiceService.getProject,
      about: { aggregate: `${system.source}/project`, keyOf: ({ id }) => id },
      replica: {
        subscriber,
        read: () => Promise.resolve(undefined),
        ...(i === 0 ? { backfill: 'required' } : {}),
      },
      compare: { version: ({ project }) => project?.version },
      budget: { stalenessMs: 5_000 },
      supports: ['call', 'shadow', 'prefer-replica'],
    });
  return { process, names };
}

it('says who is known when a replica is not', async () => {
  await vi.waitFor(
    async () => {
      const { code, out } = await system.banyan('backfill', system.table.slice(0, -1));
      expect([code, out]).toEqual([1, expect.stringContaining(`did you mean ${system.table}?`)]);
    },
    { timeout: 60_000 },
  );
}, 240_000);
