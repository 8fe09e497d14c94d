import { readFileSync, writeFileSync } from 'node:fs';
import { Metadata, status, type CallOptions } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GetProjectResponse, type ProjectsServiceClient } from '@banyan/contracts/projects';
import { type ChangeEvidence, type QueryStage } from '@banyan/control';
import {
  freePort,
  startPostgres,
  temporaryFolder,
  type TemporaryFolder,
  testNats,
  uniqueName,
  type PostgresServer,
} from '@banyan/devstack';
import { EdgeStand, projectOf, type EdgeSettings } from '../testing/edge-stand.js';
import { SqlReplica } from '../testing/sql-replica.js';

const STAGES = ['call', 'cache', 'shadow', 'prefer-replica', 'replica'] as const satisfies QueryStage[];
const PAGE = new URL('../../../../docs/edges/failures.md', import.meta.url);
const MARKS = /(<!-- failures -->\n)([\s\S]*?)(<!-- end -->)/;
const GARBAGE = Buffer.from([0xff, 0xff, 0xff]);
/** Each call's deadline unless the fault says another one, in ms. */
const DEADLINE_MS = 20_000;
/** Who hangs is given up soon; who does not has all the time that a busy machine takes. In ms. */
const PATIENT: Limits = { readTimeoutMs: 20_000, replicaTimeoutMs: 20_000, compareTimeoutMs: 20_000 };
const SLOW_REPLICA: Partial<Limits> = { readTimeoutMs: 150, replicaTimeoutMs: 700, compareTimeoutMs: 400 };

type Limits = Required<Pick<EdgeSettings, 'readTimeoutMs' | 'replicaTimeoutMs' | 'compareTimeoutMs'>>;

let nats: Awaited<ReturnType<typeof testNats>>;
let folder: TemporaryFolder;
let postgres: PostgresServer;
let replica: SqlReplica;
let stand: EdgeStand;
let awayClient: ProjectsServiceClient;
let asked = 0;

beforeAll(async () => {
  nats = await testNats();
  folder = await temporaryFolder();
  postgres = await startPostgres({ dir: `${folder.path}/postgres` });
  replica = new SqlReplica(postgres.url());
  await replica.hold(sound());
}, 60_000);
afterAll(async () => {
  await postgres.stop();
  await replica.pool.end();
  await nats.close();
  await folder.remove();
});

/** The edge that a fault is tried on. */
async function setUp({ limits }: Fault): Promise<void> {
  stand = new EdgeStand(`${uniqueName('tasks')} -> projects.GetProject`, nats.connection, {
    ...{ replica, cache: { aggregate: 'projects/project' }, lateDeadlineMs: 300, sampleShare: 1 },
    ...PATIENT,
    ...limits,
  });
  await stand.start();
  awayClient = stand.newClient([], `127.0.0.1:${await freePort()}`);
  stand.provider.handler = answering;
}

async function tearDown(): Promise<void> {
  awayClient.close();
  await stand.stop();
}

const sound = (): Uint8Array => GetProjectResponse.encode(projectOf('any', 1, 'a name')).finish();
const answering: EdgeStand['provider']['handler'] = ({ request: { id } }, answer) =>
  answer(null, projectOf(id, 1, 'a name'));

interface Fault {
  name: string;
  /** Makes it happen; returns what ends it. */
  begin?: () => unknown;
  end?: () => unknown;
  providerAway?: boolean;
  limits?: Partial<Limits>;
  /** Of a call at a stage, in ms. */
  deadlineMs?: (stage: QueryStage) => number;
  cancel?: boolean;
}

/** Nobody answers where there is no replica to do so. */
const shortWithoutReplica = (stage: QueryStage): number =>
  stage === 'prefer-replica' || stage === 'replica' ? DEADLINE_MS : 1_500;

const hang = (): unknown => (stand.provider.handler = () => undefined);
const recover = (): unknown => (stand.provider.handler = answering);
const slowDown = (): unknown => (replica.slow = true);
/** Ends the statements that still sleep, so that their connections are free again. */
async function speedUp(): Promise<void> {
  replica.slow = false;
  const other = new SqlReplica(postgres.url());
  await other.pool.query(
    `select pg_cancel_backend(pid) from pg_stat_activity where query like '%pg_sleep(20)'`,
  );
  await other.pool.end();
}

let taken: { release: () => void }[] = [];

const FAULTS: Fault[] = [
  { name: 'none' },
  { name: 'provider down', providerAway: true },
  {
    name: 'provider hangs',
    begin: hang,
    end: recover,
    limits: { compareTimeoutMs: 400 },
    deadlineMs: shortWithoutReplica,
  },
  {
    name: 'provider answers INTERNAL',
    begin: () =>
      (stand.provider.handler = (_call, answer) => answer({ code: status.INTERNAL, details: 'broken' })),
    end: recover,
  },
  {
    name: 'provider answers with garbage',
    begin: () => (stand.provider.encode = () => GARBAGE),
    end: () =>
      (stand.provider.encode = (response) => Buffer.from(GetProjectResponse.encode(response).finish())),
  },
  { name: 'replica slow', begin: slowDown, end: speedUp, limits: SLOW_REPLICA },
  {
    name: 'replica’s pool exhausted',
    begin: async () => (taken = await Promise.all([replica.pool.connect(), replica.pool.connect()])),
    end: () => taken.forEach((client) => client.release()),
    limits: SLOW_REPLICA,
  },
  { name: 'replica holds garbage', begin: () => replica.hold(GARBAGE), end: () => replica.hold(sound()) },
  { name: 'replica stale', begin: () => (replica.ageMs = 60_000), end: () => (replica.ageMs = 0) },
  {
    name: 'replica slow, deadline short',
    begin: slowDown,
    end: speedUp,
    limits: { ...SLOW_REPLICA, replicaTimeoutMs: 20_000 },
    deadlineMs: () => 1_500,
  },
  { name: 'deadline over', deadlineMs: () => -1 },
  {
    name: 'both hang, caller cancels',
    begin: () => [hang(), slowDown()],
    end: () => [recover(), speedUp()].at(-1),
    cancel: true,
  },
  { name: 'replica’s database down', begin: () => postgres.stop(), end: () => postgres.restart() },
  {
    name: 'both down',
    begin: () => postgres.stop(),
    end: () => postgres.restart(),
    providerAway: true,
  },
];

/** One call as a caller sees it: the name of its status. It must end in good time, whatever happens. */
async function ask(
  { providerAway, deadlineMs: deadlineOf = () => DEADLINE_MS, cancel }: Fault,
  stage: QueryStage,
): Promise<string> {
  const deadlineMs = deadlineOf(stage);
  const client = providerAway === true ? awayClient : stand.client;
  const options: CallOptions = { deadline: Date.now() + deadlineMs };
  const startedMs = Date.now();
  asked += 1;
  const code = await new Promise<status>((resolve) => {
    const call = client.getProject({ id: `p${asked}` }, new Metadata(), options, (error) =>
      resolve(error?.code ?? status.OK),
    );
    if (cancel === true) setTimeout(() => call.cancel(), 30);
  });
  expect(Date.now() - startedMs).toBeLessThan(deadlineMs + 10_000);
  return status[code];
}

/** What was counted, by name; zeros left out. */
function countsOf({ calls, fallbacks, comparisons }: ChangeEvidence): Map<string, number> {
  const all: [string, number][] = [
    ['by replica', calls.byReplica],
    ['failed', calls.failed],
    ...Object.entries(fallbacks).map(([reason, n]): [string, number] => [`fallback ${reason}`, n]),
    ...Object.entries(comparisons).map(([outcome, n]): [string, number] => [outcome, n]),
  ];
  return new Map(all);
}

async function cell(fault: Fault, stage: QueryStage): Promise<string> {
  const before = countsOf(await stand.evidence());
  const code = await ask(fault, stage);
  const after = countsOf(await stand.evidence());
  const counted = [...after].filter(([name, n]) => n > (before.get(name) ?? 0)).map(([name]) => name);
  return counted.length === 0 ? code : `${code}: ${counted.join(', ')}`;
}

const bare = (table: string): string => table.replace(/[ -]+/g, ' ').trim();

describe('a call whose provider, replica or caller fails', () => {
  it(
    'ends in time with the right status, and is counted, as docs/edges/failures.md says',
    { timeout: 240_000 },
    async () => {
      const rows = [
        `| fault | ${STAGES.map((stage) => `\`${stage}\``).join(' | ')} |`,
        '| --- '.repeat(6) + '|',
      ];
      for (const fault of FAULTS) {
        const cells: string[] = [];
        await setUp(fault);
        for (const stage of STAGES) {
          await stand.move(stage);
          // The first call of a change begins its counters; its comparison is not to meet the fault.
          await ask({ name: 'none' }, stage);
          await stand.edge.settled();
          await fault.begin?.();
          cells.push(await cell(fault, stage));
          await fault.end?.();
        }
        await tearDown();
        rows.push(`| ${fault.name} | ${cells.join(' | ')} |`);
      }
      const table = `${rows.join('\n')}\n`;
      const page = readFileSync(PAGE, 'utf8');
      if (process.env['UPDATE_DOCS'] === '1')
        writeFileSync(
          PAGE,
          page.replace(MARKS, (_, a: string, _b, c: string) => `${a}\n${table}\n${c}`),
        );
      else expect(bare(MARKS.exec(page)?.[2] ?? '')).toBe(bare(table));
    },
  );
});
