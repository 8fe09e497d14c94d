import type { PositionRange, StreamAudit } from './stream-audit.js';

/** Core NATS subject on which every relay of a source answers an empty request with a `RelayFound`. */
export function relayFindSubjectOf(source: string): string {
  return `banyan.relay.find.${source}`;
}

/** A relay of a source, and where it takes tasks. Restrict `banyan.relay.task.>` to operators. */
export interface RelayFound {
  /** Subject of this very relay: `banyan.relay.task.<source>.<id>`. */
  at: string;
  /** host:pid */
  relay: string;
  /** `down`, `standby`, `leading`, `refusing` or `stopped`. */
  state: string;
  /** Why it is down or refuses. */
  because?: string;
  /** Which database it stands on: system identifier, timeline and running instance; absent if that does not answer. */
  database?: string;
}

/** What an operator asks of one relay. What changes something is done only with `apply`; else it is only planned. */
export type RelayTask =
  | { do: 'audit' }
  | { do: 'repair'; apply: boolean }
  | { do: 'new-epoch'; apply: boolean; reason: string; by: string }
  | { do: 'capture'; apply: boolean; table: string; on: boolean }
  | { do: 'captured' };

/** What `repair` found and did. */
export interface RepairOutcome {
  audit: StreamAudit;
  /** Positions inside the stream that are missing, and of them those that the range service gives to readers. */
  missing: number;
  served: number;
  /** Missing positions that nobody can give any more, in ranges. */
  lost: PositionRange[];
  /**
   * - `nothing`: the stream is whole
   * - `wait`: the relay publishes the missing end by itself
   * - `rebuild`: all of the stream's events are retained, so it can be published anew at the same positions
   * - `serve`: it cannot be filled in place; readers fetch the missing events from the source
   * - `decide`: other events than the database's; a person has to decide
   */
  plan: 'nothing' | 'wait' | 'rebuild' | 'serve' | 'decide';
  /** True once the stream was rebuilt and audited again. */
  rebuilt: boolean;
}

/** A table, as capture finds it or leaves it. */
export interface CaptureOutcome {
  table: string;
  captured: boolean;
  /** False: it was only looked at, or was as asked already. */
  changed: boolean;
}

/** What a relay answers: any number of `progress` (at least one every 2 s), then one of the others. */
export type RelayTaskAnswer =
  | { progress: { done: number; of: number } }
  | { result: unknown }
  | { error: { code: string; message: string; remedy: string } };

/** Reads what a relay says of itself; undefined for anything else. */
export function decodeRelayFound(data: string): RelayFound | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isFound(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isFound(value: unknown): value is RelayFound {
  if (typeof value !== 'object' || value === null) return false;
  const { at, relay, state } = value as Record<string, unknown>;
  return [at, relay, state].every((text) => typeof text === 'string');
}
