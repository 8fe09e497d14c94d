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
  /** Events published by this process. */
  published: number;
  /** Errors and doubts after which it began anew. */
  failures: number;
  /** No event older than this, in ms, is outside the stream, whoever leads; absent: no heartbeat was heard. */
  unsentAgeMs?: number;
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
