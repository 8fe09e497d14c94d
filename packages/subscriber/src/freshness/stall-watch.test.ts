import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { StallWatch } from './stall-watch.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

it('has patience from when a heartbeat named what is missing, however long nothing had come before', () => {
  const watch = new StallWatch(300);
  vi.advanceTimersByTime(60_000);
  expect(watch.stalledMs(false)).toBeUndefined();
  expect(watch.stalledMs(true)).toBeUndefined();
  vi.advanceTimersByTime(299);
  expect(watch.stalledMs(true)).toBeUndefined();
  vi.advanceTimersByTime(1);
  expect(watch.stalledMs(true)).toBe(300);
});

it('begins to be patient again with each event, and once nothing is missing', () => {
  const watch = new StallWatch(300);
  for (const end of [() => watch.reset(), () => watch.stalledMs(false)]) {
    expect(watch.stalledMs(true)).toBeUndefined();
    vi.advanceTimersByTime(200);
    end();
    expect(watch.stalledMs(true)).toBeUndefined();
    vi.advanceTimersByTime(200);
    expect(watch.stalledMs(true)).toBeUndefined();
    watch.reset();
  }
});
