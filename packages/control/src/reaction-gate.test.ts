import { describe, expect, it } from 'vitest';
import type { GateOptions } from './gate-options.js';
import { stageGate } from './gate.js';
import type { GateVerdict } from './gate-verdict.js';
import {
  noReactions,
  type ReactionCallerReport,
  type ReactionCounts,
  type ReactionReceiverReport,
} from './reaction-report.js';
import { REACTION_LADDER, type ReactionStage } from './stage.js';

const NOW_MS = Date.parse('2026-01-01T12:00:00Z');

interface Given {
  stage?: ReactionStage;
  counts?: Partial<ReactionCounts>;
  receiver?: Partial<ReactionReceiverReport>;
  nobody?: 'caller' | 'receiver';
}

/** What a caller and a receiver report. */
function reportsOf({ stage = 'call', counts = {}, receiver = {}, nobody }: Given) {
  const running = {
    stage,
    change: 2,
    changeId: 'two',
    since: '',
    origin: 'store',
    persisted: true,
  } as const;
  const both = {
    edge: 'projects -> tasks.ArchiveProjectTasks',
    kind: 'reaction',
    stages: REACTION_LADDER,
    running,
  } as const;
  const caller: ReactionCallerReport = { ...both, side: 'caller', evidence: [] };
  const receives: ReactionReceiverReport = {
    ...both,
    side: 'receiver',
    reading: { asOfMs: NOW_MS - 300, stalenessMs: 300, parkedKeys: 0 },
    withoutId: [],
    evidence: [{ change: 2, changeId: 'two', stage, counts: { ...noReactions(), ...counts } }],
    ...receiver,
  };
  return [caller, receives].filter(({ side }) => side !== nobody);
}

function ask(given: Given, options: GateOptions = {}): GateVerdict {
  const from = given.stage ?? 'call';
  const to = from === 'call' ? 'dual' : 'event';
  return stageGate({ from, to, changeId: 'two', reports: reportsOf(given), nowMs: NOW_MS }, options);
}

describe('the gate of a reaction edge', () => {
  it('lets it into dual once both sides run, the events are read, and no call lacks an id', () => {
    expect(ask({}).outcome).toBe('pass');
  });

  it.each(['caller', 'receiver'] as const)('waits for a %s', (nobody) => {
    const { outcome, reasons } = ask({ nobody });
    expect(outcome).toBe('not-enough');
    expect(reasons).toContain(`no ${nobody} reports this edge`);
  });

  it('waits until the receiver reads the events, and has a position', () => {
    expect(ask({ receiver: { reading: null } })).toEqual({
      outcome: 'not-enough',
      reasons: ['no receiver reads the edge’s events'],
    });
    const reading = { asOfMs: null, stalenessMs: null, parkedKeys: 0 };
    expect(ask({ receiver: { reading } }).outcome).toBe('not-enough');
  });

  it.each(['call', 'dual'] as const)('lets it not on from %s while the subscriber does not work', (stage) => {
    const reading = { asOfMs: NOW_MS, stalenessMs: 0, parkedKeys: 0 };
    const counts = { byEvent: 100 };
    const stopped = { partitions: 1, because: 'events 1.4 to 1.9 are missing' };
    expect(ask({ stage, counts, receiver: { reading: { ...reading, state: 'running', stopped } } })).toEqual({
      outcome: 'not-enough',
      reasons: ['1 partitions of a receiver cannot go on: events 1.4 to 1.9 are missing'],
    });
    const down = { ...reading, state: 'down', because: 'the database is away' };
    expect(ask({ stage, counts, receiver: { reading: down } })).toEqual({
      outcome: 'not-enough',
      reasons: ['the subscriber of a receiver is down: the database is away'],
    });
  });

  it('keeps it out of dual while calls come that carry no event id, and says whose', () => {
    const seen = (lastAt: string): GateVerdict =>
      ask({ receiver: { withoutId: [{ caller: 'projects', calls: 7, lastAt }] } });
    expect(seen('2026-01-01T11:59:30.000Z')).toEqual({
      outcome: 'fail',
      reasons: ['projects made 7 calls without an event id, the last at 2026-01-01T11:59:30.000Z'],
    });
    expect(seen('2026-01-01T11:58:30.000Z').outcome).toBe('pass');
  });

  it('lets it into event once the events of enough effects have come', () => {
    expect(ask({ stage: 'dual', counts: { byCall: 60, repeatedEvents: 45, byEvent: 5 } }).outcome).toBe(
      'pass',
    );
    expect(ask({ stage: 'dual', counts: { byCall: 60, repeatedEvents: 40, byEvent: 5 } })).toEqual({
      outcome: 'not-enough',
      reasons: [
        'events of 45 of 50 effects have come (60 done by calls, 5 by events, 40 events came second)',
      ],
    });
    expect(ask({ stage: 'dual', counts: { byEvent: 3 } }, { minReactions: 3 }).outcome).toBe('pass');
  });

  it('keeps it out of event while the subscriber is behind or keys are parked', () => {
    const counts = { byEvent: 100 };
    const late = { asOfMs: 1, stalenessMs: 9_000, parkedKeys: 0 };
    expect(ask({ stage: 'dual', counts, receiver: { reading: late } })).toEqual({
      outcome: 'not-enough',
      reasons: ['a receiver’s subscriber is 9000 ms behind, over 5000 ms'],
    });
    const parked = { asOfMs: 1, stalenessMs: 100, parkedKeys: 2 };
    expect(ask({ stage: 'dual', counts, receiver: { reading: parked } }).outcome).toBe('fail');
  });
});
