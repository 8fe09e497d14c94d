import { silentLogger } from '@banyan/runtime';
import { describe, expect, it } from 'vitest';
import { ComparisonQueue, type QueueLimits } from './comparison-queue.js';

const LIMITS: QueueLimits = { queueLimit: 10, queueBytes: 1_000, atOnce: 2, loopLagMs: 60_000 };

class Jobs {
  made = 0;
  shed = 0;
  readonly queue: ComparisonQueue;

  constructor(limits: Partial<QueueLimits> = {}) {
    this.queue = new ComparisonQueue({ ...LIMITS, ...limits }, silentLogger);
  }

  add(bytes = 1, run: () => Promise<void> = () => Promise.resolve()): void {
    this.queue.add({
      run: () => {
        this.made += 1;
        return run();
      },
      shed: () => (this.shed += 1),
      bytes,
    });
  }
}

/** As a caller does who has too much to do: the turn of the event loop takes so long. */
function block(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

describe('the queue of comparisons', () => {
  it('makes nothing in the turn of the caller', async () => {
    const jobs = new Jobs();
    jobs.add();
    expect(jobs.made).toBe(0);
    await jobs.queue.settled();
    expect(jobs.made).toBe(1);
  });

  it('sheds what is too many or too much, and counts it', async () => {
    const [many, large] = [new Jobs(), new Jobs()];
    for (let i = 0; i < 15; i += 1) many.add();
    for (let i = 0; i < 5; i += 1) large.add(300);
    await Promise.all([many.queue.settled(), large.queue.settled()]);
    expect([many.made, many.shed, large.made, large.shed]).toEqual([10, 5, 3, 2]);
  });

  it('sheds while the event loop is under pressure, and goes on after', async () => {
    const jobs = new Jobs({ loopLagMs: 500 });
    for (let i = 0; i < 5; i += 1) jobs.add();
    block(600);
    await jobs.queue.settled();
    expect([jobs.made, jobs.shed, jobs.queue.hasRoom]).toEqual([0, 5, false]);
    jobs.add();
    expect(jobs.shed).toBe(6);
    await expect.poll(() => jobs.queue.hasRoom).toBe(true);
    jobs.add();
    await jobs.queue.settled();
    expect(jobs.made).toBe(1);
  });

  it('has only so many under way', async () => {
    const jobs = new Jobs();
    let end: () => void = () => undefined;
    const hanging = new Promise<void>((resolve) => (end = resolve));
    for (let i = 0; i < 5; i += 1) jobs.add(1, () => hanging);
    await expect.poll(() => jobs.made).toBe(2);
    end();
    await jobs.queue.settled();
    expect(jobs.made).toBe(5);
  });
});
