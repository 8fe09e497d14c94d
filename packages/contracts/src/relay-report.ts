/** Core NATS subject on which every relay process answers with its report. */
export const RELAY_REPORT_SUBJECT = 'banyan.relay.report';

/** What one relay process says of itself when asked. */
export interface RelayReport {
  host: string;
  pid: number;
  sources: RelaySourceReport[];
}

/** What it says of one of its sources. */
export interface RelaySourceReport {
  source: string;
  /** `down`, `standby`, `leading`, `refusing` or `stopped`. */
  state: string;
  /** Why it is down or refuses. */
  because?: string;
  /** Last acknowledged position (the n of it) while it leads. */
  ackedN?: number;
  /** Events that it has counted and the stream has not acknowledged, while it leads. */
  backlog?: number;
  /** Events published by this process. */
  published: number;
  /** Errors and doubts after which it began anew. */
  failures: number;
  /** No event older than this, in ms, is outside the stream, whoever leads; absent: no heartbeat was heard. */
  unsentAgeMs?: number;
  /** The last audit that this process made by itself; absent before the first. */
  audit?: RelayAuditReport;
}

/** What an audit of the newest part of the stream found. All but the first three are 0 if it is sound. */
export interface RelayAuditReport {
  /** When it ended, as ISO 8601. */
  at: string;
  fromN: number;
  toN: number;
  /** Positions of which the stream holds nothing. */
  missing: number;
  /** Messages that this database's history does not have there. */
  foreign: number;
  brokenLinks: number;
}

/** Reads a report; undefined for anything that is none. */
export function decodeRelayReport(data: string): RelayReport | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isRelayReport(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRelayReport(value: unknown): value is RelayReport {
  if (typeof value !== 'object' || value === null) return false;
  const { host, pid, sources } = value as Record<string, unknown>;
  return (
    typeof host === 'string' && typeof pid === 'number' && Array.isArray(sources) && sources.every(isSource)
  );
}

function isSource(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { source, state, published } = value as Record<string, unknown>;
  return typeof source === 'string' && typeof state === 'string' && typeof published === 'number';
}
