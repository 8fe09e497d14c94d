import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testDatabase, type TestDatabase } from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../main.js';

let database: TestDatabase;

beforeEach(async () => {
  database = await testDatabase({ roles: ['subscriber'] });
  await database.pool.query(`
    insert into banyan.subscription (subscriber, source) values ('tasks', 'projects');
    insert into banyan.position (subscriber, source, partition, epoch, n, held_keys) values ('tasks', 'projects', 5, 1, 9, 1);
    insert into banyan.parked_key (subscriber, source, aggregate, aggregate_id, partition, state, attempts, last_error)
    values ('tasks', 'projects', 'project', 'p1', 5, 'parked', 5, 'no such team');
    insert into banyan.parked_event (subscriber, source, epoch, n, partition, aggregate, aggregate_id, type, event_id,
      version, emitted_at, headers, payload)
    select 'tasks', 'projects', 1, n, 5, 'project', 'p1', 'ProjectRenamed', 'id-' || n, n, now(), '[]', 'abc'
    from generate_series(8, 9) n`);
});

afterEach(() => database.drop());

interface Ran {
  code: number;
  out: string;
  err: string;
}

const banyan = (...args: string[]): Promise<Ran> =>
  banyanIn({ folder: '/', env: { DATABASE_URL: database.url } }, ...args);

async function banyanIn(where: { folder: string; env: NodeJS.ProcessEnv }, ...args: string[]): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  const terminal = {
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    confirm: undefined,
  };
  const code = await run(['parked', ...args], { terminal, ...where });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('banyan parked', () => {
  it('lists what is set aside, for people and for programs', async () => {
    const { code, out } = await banyan('list');
    expect(code).toBe(0);
    expect(out).toMatch(/tasks +projects\/project\/p1 +parked +2 +5 .* 1\.8 ProjectRenamed +no such team/);
    const listed = await banyan('list', '--json');
    expect(JSON.parse(listed.out)).toMatchObject({ ok: true, keys: [{ aggregateId: 'p1', events: 2 }] });
    expect((await banyan('list', '--subscriber', 'other')).out).toBe(
      'nothing is parked (subscribers here: tasks)',
    );
  });

  it('shows the events of a key', async () => {
    const { out } = await banyan('show', 'projects/project/p1');
    expect(out).toMatch(/1\.8 +ProjectRenamed +8 .*\n1\.9 +ProjectRenamed +9/);
  });

  it('asks for another attempt', async () => {
    expect(await banyan('retry', 'projects/project/p1')).toMatchObject({ code: 0 });
    const { rows } = await database.pool.query<object>(
      'select state, next_attempt_at <= now() as due from banyan.parked_key',
    );
    expect(rows).toEqual([{ state: 'retrying', due: true }]);
    expect((await banyan('retry', '--all')).out).toBe('1 key is tried again by the running subscriber');
    expect((await banyan('retry')).err).toMatch(/BANYAN_OPTION_INVALID: retry takes a key or --all/);
  });

  it('skips with a reason and a name, and not without', async () => {
    expect((await banyan('skip', 'projects/project/p1')).err).toMatch(/--reason/);
    const { out } = await banyan('skip', 'projects/project/p1', '--reason', 'a test', '--json');
    expect(JSON.parse(out)).toMatchObject({ ok: true, skipped: 1, reason: 'a test' });
    const { rows } = await database.pool.query<object>('select n, reason from banyan.skipped_event');
    expect(rows).toEqual([{ n: '8', reason: 'a test' }]);
  });

  it('takes a skipped key back among the fresh ones, with a reason, and keeps what was skipped', async () => {
    expect((await banyan('forget', 'projects/project/p1', '--reason', 'r')).err).toMatch(
      /nothing of projects\/project\/p1 was skipped/,
    );
    await banyan('skip', 'projects/project/p1', '--all', '--reason', 'a test');
    const { out } = await banyan('forget', 'projects/project/p1', '--reason', 'corrected', '--json');
    expect(JSON.parse(out)).toMatchObject({ ok: true, forgotten: 2, reason: 'corrected' });
    const { rows } = await database.pool.query<object>(`
      select forgotten_because, (select sum(held_keys)::integer from banyan.position) as held,
        (select count(*)::integer from banyan.parked_key) as keys from banyan.skipped_event where n = 8`);
    expect(rows).toEqual([{ forgotten_because: 'corrected', held: 0, keys: 0 }]);
  });

  it('forgets a skipped event while others of its key still wait', async () => {
    await banyan('skip', 'projects/project/p1', '--reason', 'a test');
    expect(await banyan('forget', 'projects/project/p1', '--reason', 'corrected')).toMatchObject({ code: 0 });
    const { rows } = await database.pool.query<object>('select state, skipped from banyan.parked_key');
    expect(rows).toEqual([{ state: 'retrying', skipped: false }]);
  });

  it('finds the databases of the development stack', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'banyan-parked-'));
    mkdirSync(join(folder, '.banyan'));
    const stack = { postgres: { tasks: database.url } };
    writeFileSync(join(folder, '.banyan', 'dev.json'), JSON.stringify(stack));
    expect((await banyanIn({ folder, env: {} }, 'list')).out).toMatch(/projects\/project\/p1/);
    rmSync(folder, { recursive: true });
  });

  it('says what is wrong with an address', async () => {
    expect(await banyan('list', '--database-url', 'rubbish')).toMatchObject({
      code: 1,
      err: expect.stringContaining('BANYAN_OPTION_INVALID: "rubbish" is no database address'),
    });
  });

  it('fails for a key that is not parked, and without a database', async () => {
    expect(await banyan('show', 'projects/project/p2')).toMatchObject({
      code: 1,
      err: expect.stringContaining('BANYAN_PARKED_UNKNOWN: projects/project/p2 is not parked'),
    });
    expect(await banyan('list', '--database-url', 'postgres://127.0.0.1:1/none')).toMatchObject({
      code: 1,
      err: expect.stringContaining('BANYAN_DATABASE_UNREACHABLE'),
    });
  });
});
