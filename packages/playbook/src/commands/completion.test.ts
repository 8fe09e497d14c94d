import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testNats, uniqueName } from '@banyan/devstack';
import { ReportedEdge } from '../testing/reported-edge.js';
import { runBanyan } from '../testing/run-banyan.js';

const PROGRAM = fileURLToPath(new URL('../../bin/banyan.js', import.meta.url));

describe('completion', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let edge: ReportedEdge;
  let inShell: string;

  beforeAll(async () => {
    nats = await testNats();
    edge = new ReportedEdge(nats.connection, `${uniqueName('tasks')} -> projects.GetProject`);
    await edge.start();
    inShell = edge.name.replace(' -> ', ':');
  });
  afterAll(async () => {
    await edge.stop();
    await nats.close();
  });

  async function candidates(...words: string[]): Promise<string[]> {
    const { out } = await runBanyan(['complete', '--', ...words], { env: { NATS_URL: nats.url } });
    return out.split('\n').map((line) => line.split('\t')[0] ?? '');
  }

  it('knows commands, subcommands, options and their values, and leaves itself out', async () => {
    const commands = await candidates('');
    expect(commands).toEqual(expect.arrayContaining(['status', 'advance', 'relay']));
    expect(commands).not.toContain('complete');
    expect(await candidates('sta')).toEqual(['status']);
    expect(await candidates('relay', 'a')).toEqual(['audit']);
    expect(await candidates('advance', '--re')).toEqual(['--reason']);
    expect(await candidates('back', inShell, '--to', 'prefer')).toEqual(['prefer-replica']);
    expect(await candidates('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await candidates('advance', '--reason', 'sta')).toEqual(['']);
  });

  it('asks running processes for their edges, and offers none where no broker answers', async () => {
    // It gives a broker that takes its time up, so that nobody waits for a list.
    await expect
      .poll(() => candidates('status', '--json', inShell.slice(0, -3)), { timeout: 60_000 })
      .toEqual([inShell]);
    expect(await candidates('status', '--nats', 'nats://127.0.0.1:1', '')).toEqual(['']);
  });

  it('completes in bash what has colons in it', async () => {
    const line = `banyan status ${inShell.slice(0, -3)}`;
    const script = `banyan() { "${process.execPath}" "${PROGRAM}" "$@"; }
      eval "$(banyan completion bash)"
      COMP_WORDBREAKS=$' \\t\\n"=><;|&(:' COMP_LINE='${line}' COMP_POINT=${line.length}
      _banyan; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { ...process.env, NATS_URL: nats.url };
    const completed = async (): Promise<string> =>
      (await promisify(execFile)('bash', ['-c', script], { env })).stdout.trim();
    await expect.poll(completed, { timeout: 60_000 }).toBe('projects.GetProject');
  });
});
