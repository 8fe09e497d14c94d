import type { FieldDifference } from '@banyan/control';
import { beforeEach, describe, expect, it } from 'vitest';
import { Calibration } from './calibration.js';
import type { ProviderAnswer } from './comparison.js';

interface Answer {
  version?: number;
  /** How it differs from any other one. */
  differs?: Pick<FieldDifference, 'pattern' | 'kind'>[];
}

const found = (response: Answer): ProviderAnswer<Answer> => ({ kind: 'found', response });

describe('a calibration', () => {
  let calibration: Calibration<Answer>;

  beforeEach(() => {
    const differences = (_: Answer, { differs = [] }: Answer): FieldDifference[] =>
      differs.map((each) => ({ path: each.pattern, ...each }));
    calibration = new Calibration({ version: ({ version }) => version, fields: { differences } });
  });

  const judge = (second: Answer, first: Answer = { version: 1 }): void =>
    calibration.judge(found(first), found({ version: 1, ...second }));

  it('judges nothing of answers that failed, have no version, or one that differs', () => {
    calibration.start(2);
    calibration.judge(found({ version: 1 }), { kind: 'failed', code: 14 });
    calibration.judge({ kind: 'not-found' }, found({ version: 1 }));
    judge({ version: 2, differs: [{ pattern: 'name', kind: 'value' }] });
    judge({ version: 0 }, { version: 0 });
    judge({}, {});
    expect(calibration.report()).toEqual({
      state: 'running',
      wanted: 2,
      samples: 0,
      unjudged: 5,
      fields: [],
    });
  });

  it('proposes to forget the order only of what never differed otherwise, most often first', () => {
    calibration.start(3);
    judge({ differs: [{ pattern: 'tags', kind: 'order' }] });
    judge({
      differs: [
        { pattern: 'tags', kind: 'order' },
        { pattern: 'members', kind: 'order' },
      ],
    });
    judge({
      differs: [
        { pattern: 'members', kind: 'value' },
        { pattern: 'members', kind: 'order' },
        { pattern: 'tags', kind: 'order' },
      ],
    });
    expect(calibration.report().fields).toEqual([
      { pattern: 'tags', times: 3, propose: { unordered: 'tags' } },
      { pattern: 'members', times: 2, propose: { ignore: 'members' } },
    ]);
  });

  it('has enough at its samples, and begins anew when it is started again', () => {
    calibration.start(1);
    judge({ differs: [{ pattern: 'name', kind: 'value' }] });
    judge({ differs: [{ pattern: 'late', kind: 'value' }] });
    expect(calibration.report()).toMatchObject({ state: 'done', samples: 1, fields: [{ pattern: 'name' }] });
    calibration.start(4);
    expect(calibration.report()).toEqual({
      state: 'running',
      wanted: 4,
      samples: 0,
      unjudged: 0,
      fields: [],
    });
  });
});
