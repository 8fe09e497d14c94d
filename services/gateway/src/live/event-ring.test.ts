import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventRing } from './event-ring.js';
import type { LiveEvent } from './live-event.js';
import { NOTHING } from './place.js';

const event = (n: number, bytes: number): LiveEvent => ({
  ...{ epoch: 1, n, sequence: n, aggregate: 'task', key: `${n}`, facets: undefined, text: '', bytes },
});

describe('the ring of a source’s newest events', () => {
  it('gives all events after a place or says that it cannot, and never holds more bytes than it may', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 });
    fc.assert(
      fc.property(sizes, sizes, fc.integer({ min: 0, max: 100 }), (past, come, asked) => {
        const ring = new EventRing({ maxBytes: 200 });
        ring.begin({ epoch: 1, n: past.length });
        come.forEach((bytes, i) => ring.append(event(past.length + i + 1, bytes)));
        const floor = ring.floor?.n ?? 0;
        ring.prepend([...past, ...come].slice(0, floor).map((bytes, i) => event(i + 1, bytes)));
        const last = past.length + come.length;
        expect(ring.end).toEqual({ epoch: 1, n: last });
        expect(ring.bytes).toBeLessThanOrEqual(200);
        const after = ring.after({ epoch: 1, n: asked }, 1000)?.map(({ n }) => n);
        const all = Array.from({ length: Math.max(0, last - asked) }, (_, i) => asked + i + 1);
        const isHeld = asked >= (ring.floor?.n ?? 0) && asked <= last;
        expect(after).toEqual(isHeld ? all : undefined);
      }),
    );
  });

  it('knows the place before the first event of all, until that has left it', () => {
    const ring = new EventRing({ maxBytes: 100 });
    ring.begin(NOTHING);
    expect(ring.after(NOTHING, 10)).toEqual([]);
    ring.append(event(7, 60));
    expect(ring.after(NOTHING, 10)).toHaveLength(1);
    ring.append(event(8, 60));
    expect(ring.after(NOTHING, 10)).toBeUndefined();
    expect(ring.after({ epoch: 1, n: 7 }, 10)).toHaveLength(1);
  });

  it('knows nothing of another history, nor before it has begun', () => {
    const ring = new EventRing({ maxBytes: 100 });
    expect([ring.end, ring.after({ epoch: 1, n: 0 }, 1)]).toEqual([undefined, undefined]);
    ring.begin({ epoch: 2, n: 5 });
    expect(ring.after({ epoch: 1, n: 5 }, 1)).toBeUndefined();
  });
});
