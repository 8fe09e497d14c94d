import { PARTITIONS } from '@banyan/contracts';
import { testNats, uniqueName } from '@banyan/devstack';
import { expect, it } from 'vitest';
import type { StoredPosition } from '../judge.js';
import { FreshnessTracker } from './freshness-tracker.js';

it('is not set back by a look at the database from before what was committed here', async () => {
  const nats = await testNats();
  const tracker = new FreshnessTracker(nats.connection, uniqueName('projects'));
  const look = (position: StoredPosition): StoredPosition => {
    const positions = Array.from({ length: PARTITIONS }, () => position);
    tracker.noteView({ leases: [], alive: [], dead: [], positions, held: [] });
    return tracker.positions[7]!;
  };
  const commit = (position: StoredPosition): void => tracker.noteMoved(new Map([[7, position]]));
  const steps = [
    { epoch: 1, n: 1 },
    { epoch: 1, n: 5 },
    { epoch: 2, n: 3 },
  ];
  let before = { epoch: 0, n: 0 };
  try {
    expect(look(before)).toEqual(before);
    for (const step of steps) {
      commit(step);
      expect(look(before)).toEqual(step);
      before = step;
    }
    expect(look({ epoch: 3, n: 1 })).toEqual({ epoch: 3, n: 1 });
  } finally {
    tracker.close();
    await nats.close();
  }
});
