import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditLog, noComparisons } from '@banyan/control';
import { testDatabase, testNats, uniqueName } from '@banyan/devstack';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ReportedEdge } from '../testing/reported-edge.js';
import { runBanyan, type Ended } from '../testing/run-banyan.js';

let nats: Awaited<ReturnType<typeof testNats>>;
let edge: ReportedEdge;
let folder: string;

const HOSTILE = '<script>alert(1)</script> <img src=x onerror=alert(2)> a|b `c` "quoted"\nnew line';

beforeEach(async () => {
  nats = await testNats();
  folder = mkdtempSync(join(tmpdir(), 'banyan-report-'));
  edge = new ReportedEdge(nats.connection, `${uniqueName('tasks')} -> projects.GetProject`);
  await edge.start();
  mkdirSync(join(folder, 'playbooks'));
  writeFileSync(
    join(folder, 'playbooks', 'one.yaml'),
    `version: 1
name: one-edge
replicas: { tasks/project_replica: {} }
edges:
  ${edge.name}: { kind: query, owner: team-a, replica: tasks/project_replica, target: prefer-replica }
steps:
  - advance: ${edge.name}
    to: shadow
`,
  );
});
afterEach(async () => {
  await edge.stop();
  await nats.close();
  rmSync(folder, { recursive: true, force: true });
});

const banyan = (...args: string[]): Promise<Ended> =>
  runBanyan(args, { env: { NATS_URL: nats.url }, folder });

async function aMigration(): Promise<void> {
  await banyan('advance', edge.name, '--yes', '--by', 'ann', '--reason', 'first try');
  const counterexamples = [
    { outcome: 'wrong' as const, at: '2026-01-02T03:04:05.000Z', version: 7, fields: ['project.<b>'] },
  ];
  edge.measured = { comparisons: { ...noComparisons(), wrong: 2 }, counterexamples };
  await banyan('advance', edge.name, '--yes', '--force', '--by', 'bob', '--reason', HOSTILE);
  await banyan('back', edge.name, '--yes', '--by', 'guard', '--reason', 'wrong answers');
}

it('tells who changed what when and why, on what evidence, and what went wrong', async () => {
  await aMigration();
  const log = new AuditLog(nats.connection);
  await log.append({ kind: 'rehearsal', about: edge.name, to: 'cut off for 30 s', by: 'cy', why: 'a drill' });
  const at = '2026-01-02T03:04:05.000Z';
  await log.append({
    kind: 'edge',
    about: edge.name,
    at,
    from: 'call',
    to: 'shadow',
    by: 'eve',
    why: 'died',
  });
  const { code, out } = await banyan('report');
  expect(code).toBe(0);
  expect(out).toContain('# Migration one-edge');
  expect(out).toContain('| cut off for 30 s | cy | a drill |');
  expect(out).toContain('| ! not made | call -> shadow by eve: died |');
  expect(out).toContain('0 of 1 edges have reached their target.');
  expect(out).toContain('call → **shadow** → prefer-replica (target) → replica');
  expect(out).toMatch(
    /\| call \| shadow \| ann \| first try \| gate pass: its one process runs the last change \|/,
  );
  expect(out).toMatch(
    /\| ! trip \| prefer-replica -&gt;|\| ! trip \| prefer-replica -> shadow by guard: wrong answers \|/,
  );
  expect(out).toMatch(/\| ! forced \| shadow -> prefer-replica by bob/);
  expect(out).toMatch(/\| ! not equal \| wrong in project\.&lt;b> \|/);
  expect((await banyan('report', '--json')).json).toMatchObject({
    ok: true,
    migration: {
      name: 'one-edge',
      timeline: [{ direction: 'down' }, { direction: 'up' }, { direction: 'up' }],
      incidents: [{ kind: 'trip' }, { kind: 'forced' }, { kind: 'not made' }, { kind: 'not equal' }],
      parked: null,
    },
  });
});

it('lets no word of a person become markup, in Markdown or HTML', async () => {
  await aMigration();
  const markdown = (await banyan('report')).out;
  const row = markdown.split('\n').find((line) => line.includes('bob') && line.includes('forced)'));
  expect(row?.match(/(?<!\\)\|/g)).toHaveLength(9);
  expect(markdown).not.toContain('<script');
  const { out } = await banyan('report', '--html', 'out.html');
  const file = join(folder, 'out.html');
  expect(out).toBe(`wrote ${file}`);
  const html = readFileSync(file, 'utf8');
  expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(html.match(/<(script|img|link|iframe|a)\b/g)).toBeNull();
});

it('needs nothing from anywhere: no address is in the page, and the browser is told to load none', async () => {
  await aMigration();
  const html = (await banyan('report', '--html', '-')).out;
  expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  expect(html).not.toMatch(/https?:|@import|url\(/);
  expect(html).toContain('prefers-color-scheme: dark');
  expect(html).toContain('<li class="here" aria-current="step">shadow</li>');
});

it('shows parked keys of the database that is named, and refuses one that is not there', async () => {
  const database = await testDatabase({
    roles: ['subscriber'],
    statements: [
      `insert into banyan.subscription (subscriber, source) values ('tasks', 'projects');
       insert into banyan.position (subscriber, source, partition, epoch, n, held_keys) values ('tasks', 'projects', 5, 1, 9, 1);
       insert into banyan.parked_key (subscriber, source, aggregate, aggregate_id, partition, state, attempts, last_error)
       values ('tasks', 'projects', 'project', 'p1', 5, 'parked', 5, 'no such team')`,
    ],
  });
  try {
    const { out } = await banyan('report', '--database-url', database.url);
    expect(out).toContain('| projects/project/p1 | tasks | parked |');
  } finally {
    await database.drop();
  }
  const gone = await banyan('report', '--database-url', 'postgres://127.0.0.1:1/none');
  expect(gone).toMatchObject({ code: 1, err: expect.stringContaining('BANYAN_DATABASE_UNREACHABLE') });
});

it('refuses a playbook that is not there, and a file that cannot be written', async () => {
  expect((await banyan('report', '--playbook', 'no.yaml')).err).toContain('BANYAN_PLAYBOOK_INVALID');
  expect((await banyan('report', '--html', 'no/such/out.html')).err).toContain('cannot be written');
});
