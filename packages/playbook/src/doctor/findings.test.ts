import type { Heartbeat, RelayReport, SubscriberReport } from '@banyan/contracts';
import { describe, expect, it } from 'vitest';
import { examineClocks } from './clocks.js';
import { examineMachine } from './machine.js';
import { examineRelays } from './relays.js';
import { examineSubscribers } from './subscribers.js';

const heartbeat = (n: number, epoch = 1): Map<string, Heartbeat> => {
  const heads = Array.from({ length: 64 }, (_, partition) => (partition === 3 ? n : 0));
  return new Map([['projects', { source: 'projects', epoch, tick: 9, n, heads, asOfMs: 1, timeline: 1 }]]);
};

const relay = (pid: number, state: string, more: object = {}): RelayReport => ({
  host: 'a',
  pid,
  sources: [{ source: 'projects', state, published: 0, failures: 0, ...more }],
});

const subscriber = (state: string, n: number, epoch = 1): SubscriberReport => ({
  host: 'a',
  pid: 1,
  subscriber: 'tasks',
  instance: 'i',
  state,
  replicas: [],
  sources: [
    { source: 'projects', positions: Array.from({ length: 64 }, (_, p) => ({ epoch, n: p === 3 ? n : 0 })) },
  ],
});

describe('of relays the doctor says', () => {
  it.each([
    [
      'that one refuses, and why',
      [relay(1, 'leading'), relay(2, 'refusing', { because: 'BANYAN_X' })],
      'fail',
      /a:2 refuses: BANYAN_X/,
    ],
    ['that none leads', [relay(1, 'standby')], 'fail', /a:1 standby/],
    [
      'that the leader does not keep up',
      [relay(1, 'leading', { unsentAgeMs: 60_000 }), relay(2, 'standby')],
      'warn',
      /60 s behind/,
    ],
    [
      'that all is well',
      [relay(1, 'leading', { ackedN: 7 }), relay(2, 'standby')],
      'ok',
      /leads, position 7/,
    ],
  ] as const)('%s', (_, reports, outcome, found) => {
    const [first] = examineRelays(reports, heartbeat(7));
    expect(first).toMatchObject({ outcome, found: expect.stringMatching(found) });
  });

  it('that a leader without a stand-by is alone, and one without heartbeats unheard', () => {
    expect(examineRelays([relay(1, 'leading')], heartbeat(7)).at(-1)).toMatchObject({
      outcome: 'warn',
      found: 'there is none',
    });
    expect(examineRelays([relay(1, 'leading')], new Map())[0]).toMatchObject({ outcome: 'fail' });
  });
});

describe('of subscribers the doctor says', () => {
  it.each([
    ['that one has halted', subscriber('halted', 7), 0, 'fail'],
    ['that one is up to date', subscriber('running', 7), 1, 'ok'],
    ['that one is far behind', subscriber('running', 7_000), 1, 'warn'],
    ['that one is in an older history', subscriber('running', 7, 0.5), 1, 'fail'],
  ] as const)('%s', (_, report, index, outcome) => {
    const source = report.sources[0]?.positions[3]?.n === 7 ? heartbeat(7) : heartbeat(70_000);
    expect(examineSubscribers([report], source)[index]).toMatchObject({ outcome });
  });
});

it('warns of a clock that is off by more than edges allow for, and not by more than asking took', () => {
  const seen = examineClocks([
    { whose: 'near', aheadMs: -90, plusMinusMs: 1 },
    { whose: 'far', aheadMs: 250, plusMinusMs: 20 },
    { whose: 'slow', aheadMs: 250, plusMinusMs: 200 },
  ]);
  expect(seen.map(({ outcome }) => outcome)).toEqual(['ok', 'warn', 'ok']);
  expect(seen[1]?.remedy).toContain('clockSkewMs at least 230');
});

it('refuses a Node that is too old', () => {
  const outcomes = ['18.20.0', '20.18.3', '20.19.0', '24.1.0'].map(
    (node) => examineMachine({ node, folder: '/' })[0]?.outcome,
  );
  expect(outcomes).toEqual(['fail', 'fail', 'ok', 'ok']);
});
