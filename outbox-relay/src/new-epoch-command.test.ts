import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { afterEach, beforeEach, expect, it } from 'vitest';

// The relay's program: built by `tsc -b`, which `npm test` runs first.
const PROGRAM = fileURLToPath(new URL('../bin/banyan-relay.js', import.meta.url));

let database: TestDatabase;
let nats: TestNats;
let source: string;

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  source = uniqueName('projects');
});

afterEach(() => Promise.all([database.drop(), nats.close()]));

function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const given = ['new-epoch', '--source', `${source}=${database.url}`, '--nats', nats.url, ...args];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [PROGRAM, ...given], (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

const epoch = async (): Promise<unknown> =>
  (await database.pool.query('select epoch from banyan.source')).rows;

it('says what it would do, and does nothing, until it is told to', async () => {
  const { code, out } = await run('--reason', 'a drill');
  expect(code).toBe(2);
  expect(out).toMatch(/would begin epoch 2 after n 0, .* Add --yes to do it/);
  expect(await epoch()).toEqual([{ epoch: 1 }]);
});

it('begins the epoch when it is told to, and publishes again what the stream does not hold', async () => {
  await database.pool.query(`select banyan.emit('project', 'p', 'ProjectRenamed', 'x', 1)`);
  const { code, out } = await run('--reason', 'a drill', '--by', 'me', '--yes', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ source, applied: true, epoch: 2, republished: 1 });
  expect(await epoch()).toEqual([{ epoch: 2 }]);
});

it('asks for a reason', async () => {
  const { code, err } = await run('--yes');
  expect(code).toBe(1);
  expect(err).toMatch(/BANYAN_OPTION_INVALID: new-epoch needs --reason/);
});
