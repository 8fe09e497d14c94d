import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { greeting } from './port.js';

/** A program that starts a stack and never stops it. It is run as its users run it: from the build. */
const PROGRAM = `
  const { startStack } = await import('@banyan/devstack');
  const { dir, postgres, nats } = await startStack({ databases: ['one'] });
  console.log(JSON.stringify({ dir, ports: [postgres.port, nats.port] }));
  if (process.argv[1] !== 'end') setInterval(() => undefined, 1000);
`;

async function startProgram(how: 'stay' | 'end') {
  const program = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, how], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NATS_URL: '' },
  });
  const exited = once(program, 'exit');
  const [line] = (await once(createInterface({ input: program.stdout }), 'line')) as [string];
  return { program, exited, ...(JSON.parse(line) as { dir: string; ports: number[] }) };
}

describe('a program that starts a stack', () => {
  it.each(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'leaves no server and no folder behind when it dies of %s',
    async (signal) => {
      const { program, exited, dir, ports } = await startProgram('stay');
      for (const port of ports) await expect.poll(() => greeting('127.0.0.1', port, 200)).toBeDefined();
      program.kill(signal);
      await exited;
      await expect.poll(() => existsSync(dir), { timeout: 60_000 }).toBe(false);
      for (const port of ports) expect(await greeting('127.0.0.1', port, 200)).toBeUndefined();
    },
  );

  it('is not kept from ending by its servers, and leaves none behind', async () => {
    const { exited, dir, ports } = await startProgram('end');
    expect(await exited).toEqual([0, null]);
    await expect.poll(() => existsSync(dir), { timeout: 60_000 }).toBe(false);
    for (const port of ports) expect(await greeting('127.0.0.1', port, 200)).toBeUndefined();
  });
});
