import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { changeStage, collectReports, parseEdge, StageStore, type StageChange } from '@banyan/control';
import { startNats, temporaryFolder } from '@banyan/devstack';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { StageChildConfig, StagesRun } from './stage-child.js';

const PROGRAM = fileURLToPath(new URL('../dist/stage-child.js', import.meta.url));
const NAMES = ['one', 'two', 'three'];
/** How long the broker is away; a minute by hand, with BANYAN_OUTAGE_MS=60000. */
const OUTAGE_MS = Number(process.env['BANYAN_OUTAGE_MS'] ?? 2_000);

const QUERY = 'tasks -> projects.GetProject';
const RAMPING = 'tasks -> teams.GetMembership';
const REACTION = 'tasks -> projects.RecordTaskActivity';
const WHERE_THEY_STAND = [
  { edge: QUERY, stages: ['replica'] },
  { edge: RAMPING, stages: ['prefer-replica 25 %'] },
  { edge: REACTION, stages: ['event'] },
];

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: Awaited<ReturnType<typeof startNats>>;
let children: Map<string, ChildProcess>;

beforeEach(async () => {
  folder = await temporaryFolder();
  server = await startNats({ dir: join(folder.path, 'nats'), own: true });
  children = new Map();
});
afterEach(async () => {
  await Promise.all(NAMES.map(kill));
  await server.stop();
  await folder.remove();
});

async function start(name: string): Promise<void> {
  const config: StageChildConfig = {
    natsUrl: server.url,
    stateDir: join(folder.path, name),
    queries: [QUERY, RAMPING],
    reactions: [REACTION],
  };
  const child = fork(PROGRAM, [JSON.stringify(config)], { execArgv: [] });
  children.set(name, child);
  await once(child, 'message');
}

async function kill(name: string): Promise<void> {
  const child = children.get(name);
  if (child?.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function restartAll(): Promise<void> {
  for (const name of NAMES) {
    await kill(name);
    await start(name);
  }
}

async function ask(name: string): Promise<StagesRun[]> {
  const child = children.get(name);
  if (child === undefined) throw new Error(`${name} was never started`);
  const answer = once(child, 'message');
  child.send('stages');
  const [stages] = (await answer) as [StagesRun[]];
  return stages;
}

/** Each process has run each edge at its one stage, and at no other, for as long as it lives. */
async function nothingHasMoved(): Promise<void> {
  for (const name of NAMES) expect(await ask(name)).toMatchObject(WHERE_THEY_STAND);
}

async function allFollowTheBroker(): Promise<void> {
  await vi.waitFor(
    async () => {
      for (const name of NAMES)
        expect((await ask(name)).map(({ origin }) => origin)).toEqual(['store', 'store', 'store']);
    },
    { timeout: 60_000, interval: 50 },
  );
}

async function move(connection: NatsConnection, change: Pick<StageChange, 'edge' | 'stage' | 'from'>) {
  const { record } = await changeStage(connection, {
    ...{ by: 'ann', why: 'because', expected: undefined, ...change },
  });
  const running = async (): Promise<number> => {
    const found = (await collectReports(connection, { waitMs: 200 })).flatMap(({ edges }) => edges);
    const own = found.filter(({ edge }) => edge === change.edge);
    return own.filter(({ running: { changeId, persisted } }) => persisted && changeId === record.changeId)
      .length;
  };
  await expect.poll(running).toBe(NAMES.length);
}

async function withBroker(work: (connection: NatsConnection) => Promise<void>): Promise<void> {
  const connection = await connect({ servers: server.url });
  try {
    await work(connection);
  } finally {
    await connection.close();
  }
}

it('no edge moves when the broker goes, processes restart meanwhile, and it comes back without its data', async () => {
  await Promise.all(NAMES.map(start));
  await withBroker(async (connection) => {
    await expect.poll(() => collectReports(connection)).toHaveLength(NAMES.length);
    await move(connection, { edge: QUERY, stage: 'replica', from: 'prefer-replica' });
    const ramp = { stage: 'prefer-replica', from: 'shadow', share: 25 } as const;
    await move(connection, { edge: RAMPING, ...ramp });
    const reaction = { kind: 'reaction', stage: 'event', from: 'dual' } as const;
    await move(connection, { edge: REACTION, ...reaction });
  });

  server.kill();
  const awaySince = performance.now();
  do {
    await restartAll();
    await nothingHasMoved();
  } while (performance.now() - awaySince < OUTAGE_MS);

  await server.stop();
  server = await startNats({ dir: join(folder.path, 'emptied'), port: server.port, own: true });
  await allFollowTheBroker();
  await nothingHasMoved();
  await withBroker(async (connection) => {
    const stages = await StageStore.open(connection);
    expect((await stages.read(parseEdge(QUERY)))?.record).toMatchObject({ stage: 'replica', by: 'ann' });
  });
}, 400_000);
