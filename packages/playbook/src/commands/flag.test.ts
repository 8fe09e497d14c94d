import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Reporter, StageWatch } from '@banyan/control';
import { startNats } from '@banyan/devstack';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { run } from '../main.js';

interface Ended {
  code: number;
  out: string;
  err: string;
  json: unknown;
}

const FLAG = 'orders.by-event';

describe('banyan flag', () => {
  let server: Awaited<ReturnType<typeof startNats>>;
  let connection: NatsConnection;
  let folder: string;
  let stages: StageWatch;
  let reporter: Reporter;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'banyan-flag-'));
    // Its own server: a list of all flags is a list of this test's.
    server = await startNats({ dir: join(folder, 'nats'), own: true });
    connection = await connect({ servers: server.url });
    stages = new StageWatch({ connection, stateDir: join(folder, 'state') });
    stages.start();
    reporter = new Reporter({ connection, service: 'tasks', edges: [], flags: stages.flags });
    await reporter.start();
  });
  afterEach(async () => {
    reporter.stop();
    await stages.stop();
    await connection.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function banyan(...args: string[]): Promise<Ended> {
    const [out, err]: [string[], string[]] = [[], []];
    const terminal = {
      out: (line: string) => void out.push(line),
      err: (line: string) => void err.push(line),
      confirm: undefined,
    };
    const code = await run(['flag', ...args], { terminal, env: { NATS_URL: server.url }, folder });
    const json: unknown = args.includes('--json') ? JSON.parse(out.join('\n')) : undefined;
    return { code, out: out.join('\n'), err: err.join('\n'), json };
  }

  it('does nothing without being told to', async () => {
    const plan = await banyan('set', FLAG, 'true', '--share', '10', '--ramp-by', 'project');
    expect(plan).toMatchObject({ code: 2 });
    expect(plan.out).toContain(`${FLAG}: a new flag -> true for 10 % by project, else false`);
    expect((await banyan('list')).out).toBe('No flag was ever set.');
  });

  it('ramps a flag up in every process, keeps who and why, and shows it', async () => {
    const first = await banyan('set', FLAG, 'true', '--share', '10', '--keys', 'p7, p9', '--yes');
    expect(first).toMatchObject({ code: 0 });
    expect(first.out).toContain('Change 1 is in force in 1/1 processes');
    expect(stages.flags.answer(FLAG, 'p9')).toMatchObject({ value: true, reason: 'listed' });
    const why = ['--by', 'ann', '--reason', 'ten were fine'];
    const second = await banyan('set', FLAG, 'true', '--share', '50', '--yes', '--json', ...why);
    expect(second.json).toMatchObject({
      ok: true,
      done: true,
      plan: { flag: FLAG, value: true, from: false, share: 50 },
      record: { change: 2, keys: ['p7', 'p9'], by: 'ann', why: 'ten were fine' },
      missing: [],
    });
    const shown = await banyan('get', FLAG);
    expect(shown.out).toContain(`true for 50 % by ${FLAG} and 2 listed keys, else false`);
    expect(shown.out).toContain('ann: ten were fine');
    expect((await banyan('list', '--json')).json).toMatchObject({ flags: [{ flag: FLAG, change: 2 }] });
  });

  it('says so when there is nothing to change', async () => {
    await banyan('set', FLAG, 'true', '--yes');
    const again = await banyan('set', FLAG, 'true', '--yes');
    expect(again).toMatchObject({ code: 0 });
    expect(again.out).toContain('nothing was changed');
    expect(stages.flags.answer(FLAG)?.flag.record.change).toBe(1);
  });

  it('refuses what would move keys to and fro, and unknown flags, in one line with a remedy', async () => {
    await banyan('set', 'orders.path', 'event', '--others', 'call', '--share', '5', '--yes');
    const detour = await banyan('set', 'orders.path', 'mail', '--share', '5', '--yes');
    expect(detour).toMatchObject({ code: 1 });
    expect(detour.err).toMatch(/^BANYAN_FLAG_INVALID: .*5 % of the keys.* — .*give all keys one value first/);
    expect((await banyan('get', 'orders.pat')).err).toMatch(
      /^BANYAN_FLAG_UNKNOWN: .*did you mean 'orders.path'\? — `banyan flag list`/,
    );
    expect((await banyan('set', 'no name', 'x', '--yes')).err).toContain('BANYAN_FLAG_INVALID');
  });
});
