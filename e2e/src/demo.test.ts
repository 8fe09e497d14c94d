import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import type { Outcome } from './demo/outcome.js';
import { PROGRAMS } from './root.js';

async function runDemo(...args: string[]): Promise<{ code: number; lines: string[] }> {
  const child = spawn(process.execPath, [PROGRAMS.demo, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, NATS_URL: '' },
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const [code] = (await once(child, 'close')) as [number];
  return { code, lines };
}

it('walks the playbook under load, has the guard act on a planted fault, and its books balance', async () => {
  const { code, lines } = await runDemo('--quick', '--json');
  expect(lines).toHaveLength(1);
  const { ok, ledger, queries, reactions, guard, rehearsals, relayKills, traffic } = JSON.parse(
    lines[0] ?? '',
  ) as Outcome;
  expect({ ok, code, relayKills }, lines[0]).toEqual({ ok: true, code: 0, relayKills: 1 });
  expect(rehearsals).toBeGreaterThanOrEqual(4);
  expect(traffic.failed).toBe(0);
  for (const { committed, messages } of Object.values(ledger.streams)) expect(messages).toBe(committed);
  for (const { replicaRows, sourceRows } of Object.values(ledger.replicas))
    expect(replicaRows).toBe(sourceRows);
  expect(ledger.effects).toMatchObject({ miscounted: 0, unarchived: 0, stillAssigned: 0 });
  expect(guard).toMatchObject({ from: 'prefer-replica', to: 'shadow' });
  expect(queries.map(({ stage }) => stage)).toEqual(Array.from({ length: 4 }, () => 'replica'));
  expect(reactions.map(({ stage }) => stage)).toEqual(Array.from({ length: 3 }, () => 'event'));
}, 900_000);

it('ends with one object too when it cannot run', async () => {
  const { code, lines } = await runDemo('--json', '--seed', 'none');
  expect(code).toBe(1);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ ok: false, error: { code: 'UNEXPECTED' } });
});
