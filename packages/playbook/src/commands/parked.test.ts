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

async function banyan(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const terminal = {
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    confirm: undefined,
  };
  const code = await run(['parked', ...args], {
    terminal,
    env: { DATABASE_URL: database.url },
    folder: '/',
  });
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
