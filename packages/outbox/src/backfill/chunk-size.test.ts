import { describe, expect, it } from 'vitest';
import { ChunkSize } from './chunk-size.js';

const size = (): ChunkSize => new ChunkSize({ targetMs: 20, most: 1000 });

describe('the size of chunks', () => {
  it('grows while transactions are shorter than they may be, up to the most', () => {
    const chunks = size();
    for (let i = 0; i < 10; i++) chunks.took(chunks.rows, 5);
    expect(chunks.rows).toBe(1000);
  });

  it('settles where a transaction takes as long as it should', () => {
    const chunks = size();
    for (let i = 0; i < 20; i++) chunks.took(chunks.rows, 4 + chunks.rows * 0.04);
    expect(chunks.rows).toBeGreaterThan(350);
    expect(chunks.rows).toBeLessThan(430);
  });

  it('does not shrink to nothing where every transaction is slow', () => {
    const chunks = size();
    for (let i = 0; i < 20; i++) chunks.took(chunks.rows, 500);
    expect(chunks.rows).toBe(200);
  });

  it('learns nothing from the last chunk, which may be empty', () => {
    const chunks = size();
    chunks.took(0, 1);
    chunks.took(3, 500);
    expect(chunks.rows).toBe(200);
  });

  it('shrinks down to one row among locks, and grows again after', () => {
    const chunks = size();
    for (let i = 0; i < 5; i++) chunks.collided();
    expect(chunks.rows).toBe(1);
    for (let i = 0; i < 10; i++) chunks.took(chunks.rows, 30);
    expect(chunks.rows).toBe(200);
  });
});
