import { beforeEach, expect, it, vi } from 'vitest';

/** The function as another process has it: with nothing of this one's memory. */
async function elsewhere(): Promise<() => Promise<number>> {
  vi.resetModules();
  return (await import('./port.js')).freePort;
}

beforeEach(() => vi.resetModules());

it('gives no port twice, asked at once or by several processes', async () => {
  const given: number[] = [];
  for (let process = 0; process < 8; process++) {
    const freePort = await elsewhere();
    given.push(...(await Promise.all(Array.from({ length: 100 }, freePort))));
  }
  expect(new Set(given).size).toBe(given.length);
});
