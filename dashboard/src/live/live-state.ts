import type { AuditRow, Overview } from '../wire.js';
import { countsBetween, countsOf, trafficOf, type CountsByChange, type EdgeTraffic } from './edge-traffic.js';

/**
 * How the page hears of the system: `connecting` (never heard yet) → `live` → `lost` → `live` → …
 * While it is lost the last that was heard stays on the page, with its age.
 */
export type Connection = 'connecting' | 'live' | 'lost';

export interface LiveState {
  readonly connection: Connection;
  /** When anything was heard last, by this browser's clock; null: never. */
  readonly heardAtMs: number | null;
  /** How far this browser's clock is ahead of the gateway's, in ms. */
  readonly clockAheadMs: number;
  readonly overview: Overview | null;
  readonly traffic: ReadonlyMap<string, EdgeTraffic>;
  /** Newest first. */
  readonly audit: readonly AuditRow[];
  /** Overviews of the last few seconds, oldest first: traffic is counted between the first and the newest. */
  readonly looks: readonly Look[];
}

interface Look {
  readonly atMs: number;
  readonly counts: ReadonlyMap<string, CountsByChange>;
}

/** All with the time by this browser's clock. */
export type LiveEvent =
  | { type: 'opened' | 'ping' | 'lost'; nowMs: number }
  | { type: 'overview'; nowMs: number; overview: Overview }
  | { type: 'audit'; nowMs: number; entry: AuditRow }
  | { type: 'earlier-audit'; nowMs: number; entries: readonly AuditRow[] };

export const NOTHING_HEARD: LiveState = {
  connection: 'connecting',
  heardAtMs: null,
  clockAheadMs: 0,
  overview: null,
  traffic: new Map(),
  audit: [],
  looks: [],
};

/** Traffic is a mean over so long, in ms. */
const WINDOW_MS = 5_000;
const AUDIT_KEPT = 500;

export function reduceLive(state: LiveState, event: LiveEvent): LiveState {
  switch (event.type) {
    case 'lost':
      return { ...state, connection: 'lost', looks: [], traffic: new Map() };
    case 'opened':
      return heard(state, event.nowMs);
    case 'ping':
      return withoutOldTraffic(heard(state, event.nowMs), event.nowMs);
    case 'overview':
      return withOverview(heard(state, event.nowMs), event);
    case 'audit':
      return { ...heard(state, event.nowMs), audit: withEntries(state.audit, [event.entry]) };
    case 'earlier-audit':
      return { ...state, audit: withEntries(state.audit, event.entries) };
  }
}

const heard = (state: LiveState, nowMs: number): LiveState => ({
  ...state,
  connection: 'live',
  heardAtMs: nowMs,
});

function withOverview(
  state: LiveState,
  { overview, nowMs }: Extract<LiveEvent, { type: 'overview' }>,
): LiveState {
  const atMs = Date.parse(overview.at);
  const look = { atMs, counts: new Map(overview.edges.map((edge) => [edge.edge, countsOf(edge)])) };
  const before = state.looks.filter((each) => each.atMs < atMs && each.atMs >= atMs - WINDOW_MS);
  const [oldest = look] = before;
  const clockAheadMs = nowMs - atMs;
  return {
    ...state,
    overview,
    clockAheadMs,
    looks: [...before, look],
    traffic: trafficBetween(oldest, look),
  };
}

/** An overview comes only when something has changed: where nothing does, nothing is called either. */
function withoutOldTraffic(state: LiveState, nowMs: number): LiveState {
  const lookedAtMs = state.looks.at(-1)?.atMs ?? 0;
  return nowMs - state.clockAheadMs - lookedAtMs > WINDOW_MS ? { ...state, traffic: new Map() } : state;
}

function trafficBetween(from: Look, to: Look): Map<string, EdgeTraffic> {
  const elapsedMs = to.atMs - from.atMs;
  return new Map(
    [...to.counts].map(([edge, counts]) => {
      const between = countsBetween(from.counts.get(edge) ?? counts, counts);
      return [edge, trafficOf(between, elapsedMs)];
    }),
  );
}

/** An entry may come twice: live, and as one of those that were read. */
function withEntries(known: readonly AuditRow[], more: readonly AuditRow[]): AuditRow[] {
  const byId = new Map([...known, ...more].map((entry) => [entry.id, entry]));
  return [...byId.values()].sort((a, b) => b.at.localeCompare(a.at)).slice(0, AUDIT_KEPT);
}
