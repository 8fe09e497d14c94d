import { expect, it } from 'vitest';
import { shardName, shardOfPartition, shardsOf, streamOf } from './index.js';

it('leaves the name of a source that is not split as it is', () => {
  expect(shardsOf('projects', 1)).toEqual(['projects']);
});

it('gives every further shard a name and a stream of its own', () => {
  expect(shardsOf('projects', 3)).toEqual(['projects', 'projects-1', 'projects-2']);
  expect(shardsOf('projects', 3).map(streamOf)).toEqual([
    'EVENTS_PROJECTS',
    'EVENTS_PROJECTS_1',
    'EVENTS_PROJECTS_2',
  ]);
});

it('puts each partition into one shard, and leaves none of 64 without any', () => {
  const used = Array.from({ length: 64 }, (_, partition) => shardOfPartition(partition, 64));
  expect(new Set(used).size).toBe(64);
});

it('refuses numbers that no database could have', () => {
  for (const shards of [0, 65, 1.5, NaN]) expect(() => shardsOf('projects', shards)).toThrow('from 1 to 64');
  for (const shard of [-1, 64]) expect(() => shardName('projects', shard)).toThrow('from 0 to 63');
});
