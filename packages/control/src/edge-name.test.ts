import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEdge } from './edge-name.js';

describe('an edge’s name', () => {
  it.each([
    'tasks -> projects.GetProject',
    'tasks->projects.GetProject',
    '  tasks   ->projects.GetProject ',
    'tasks:projects.GetProject',
    'tasks → projects.GetProject',
    'tasks projects.GetProject',
  ])('is understood when written %j', (written) => {
    expect(parseEdge(written)).toMatchObject({
      text: 'tasks -> projects.GetProject',
      key: 'tasks.projects.GetProject',
    });
  });

  it.each([
    '',
    'tasks',
    'tasks -> projects',
    'tasks -> projects.Get.Project',
    'Tasks -> projects.Get',
    'a -> b.*',
  ])('is refused when written %j', (written) => {
    expect(() => parseEdge(written)).toThrow(/^BANYAN_EDGE_INVALID: .* is no edge$/);
  });

  it('reads back what it writes, for any names', () => {
    const service = fc.stringMatching(/^[a-z][a-z0-9_-]{0,20}$/);
    const method = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,20}$/);
    fc.assert(
      fc.property(service, service, method, (caller, provider, name) => {
        const edge = parseEdge(`${caller} -> ${provider}.${name}`);
        expect(edge).toMatchObject({ caller, provider, method: name });
        expect(parseEdge(edge.text)).toEqual(edge);
      }),
    );
  });
});
