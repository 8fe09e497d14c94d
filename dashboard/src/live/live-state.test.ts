import { describe, expect, it } from 'vitest';
import { evidence, queryEdge } from '../testing/query-edge.js';
import type { AuditRow, Overview } from '../wire.js';
import { NOTHING_HEARD, reduceLive, type LiveState } from './live-state.js';

const EDGE = 'tasks -> projects.GetProject';

/** An overview with one edge that has carried so many calls under a change. */
function overviewAt(ms: number, calls: number, changeId = 'c1'): Overview {
  const counts = evidence({ changeId, calls: { ok: calls - 1, failed: 1, byReplica: calls / 2 } });
  return {
    at: new Date(ms).toISOString(),
    edges: [queryEdge({ edge: EDGE, evidence: [counts] })],
    ...{ services: [], relays: [], subscribers: [], flags: [], run: null },
    broker: { connected: true, url: '', server: '' },
  };
}

const entry = (id: string, at: string): AuditRow => ({
  ...{ id, at, seq: 1, kind: 'edge', about: EDGE, by: 'ada', why: 'a test', outcome: 'made' },
});

/** After overviews, each heard 20 ms after it was put together by a clock that runs 1 s ahead. */
function after(...overviews: Overview[]): LiveState {
  return overviews.reduce(
    (state, overview) =>
      reduceLive(state, { type: 'overview', nowMs: Date.parse(overview.at) + 1_020, overview }),
    NOTHING_HEARD,
  );
}

describe('what the page knows', () => {
  it('stays when the connection is lost, and traffic does not: nobody counts it', () => {
    const heard = after(overviewAt(0, 10), overviewAt(1_000, 30));
    const lost = reduceLive(heard, { type: 'lost', nowMs: 9_000 });
    expect(lost).toMatchObject({ connection: 'lost', heardAtMs: 2_020, overview: heard.overview });
    expect(lost.traffic.size).toBe(0);
    expect(reduceLive(lost, { type: 'opened', nowMs: 9_500 })).toMatchObject({
      connection: 'live',
      heardAtMs: 9_500,
    });
  });

  it('has its age by the gateway’s clock', () => {
    expect(after(overviewAt(5_000, 1)).clockAheadMs).toBe(1_020);
  });

  it('has each entry of the audit once, the newest first, heard live or read', () => {
    const [a, b, c] = [entry('a', '2026-01-01'), entry('b', '2026-01-02'), entry('c', '2026-01-03')];
    const live = reduceLive(NOTHING_HEARD, { type: 'audit', nowMs: 0, entry: b });
    const read = reduceLive(live, { type: 'earlier-audit', nowMs: 0, entries: [b, a] });
    const state = reduceLive(read, { type: 'audit', nowMs: 0, entry: c });
    expect(state.audit.map(({ id }) => id)).toEqual(['c', 'b', 'a']);
  });
});

describe('traffic', () => {
  it('is what came in the last seconds, with the shares that failed and that the replica answered', () => {
    const { traffic } = after(overviewAt(0, 10), overviewAt(2_000, 50));
    expect(traffic.get(EDGE)).toEqual({ perSecond: 20, failedShare: 0, byEventsShare: 0.5 });
  });

  it('is a mean over five seconds', () => {
    const { traffic } = after(
      overviewAt(0, 0),
      overviewAt(1_000, 100),
      overviewAt(4_000, 100),
      overviewAt(6_000, 200),
    );
    expect(traffic.get(EDGE)?.perSecond).toBe(20);
  });

  it('counts from nothing under a new change, and leaves out a process that went', () => {
    const moved = after(overviewAt(0, 500), overviewAt(1_000, 20, 'c2'));
    expect(moved.traffic.get(EDGE)?.perSecond).toBe(20);
    const restarted = after(overviewAt(0, 500), overviewAt(1_000, 20));
    expect(restarted.traffic.get(EDGE)).toEqual({ perSecond: 0, failedShare: null, byEventsShare: null });
  });

  it('of an edge that is heard of for the first time is not its whole past', () => {
    expect(after(overviewAt(0, 500)).traffic.get(EDGE)?.perSecond).toBe(0);
  });

  it('ends when nothing changes any more', () => {
    const heard = after(overviewAt(0, 10), overviewAt(1_000, 30));
    const soon = reduceLive(heard, { type: 'ping', nowMs: 4_000 });
    expect(soon.traffic.get(EDGE)?.perSecond).toBe(20);
    expect(reduceLive(soon, { type: 'ping', nowMs: 9_000 }).traffic.size).toBe(0);
  });
});
