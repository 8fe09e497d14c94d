/** Core NATS subject on which every subscriber instance answers with its report. */
export const SUBSCRIBER_REPORT_SUBJECT = 'banyan.subscriber.report';

/** What one subscriber instance says of itself when asked. */
export interface SubscriberReport {
  host: string;
  pid: number;
  /** The subscriber's name, and this instance's. */
  subscriber: string;
  instance: string;
  /** `starting`, `running`, `standby`, `down`, `halted` or `stopped`. */
  state: string;
  /** Why it is down or halted. */
  because?: string;
  replicas: ReplicaReport[];
  sources: SubscribedSource[];
}

/** A replica and what it is kept of. */
export interface ReplicaReport {
  table: string;
  aggregates: { source: string; aggregate: string }[];
}

/** How far the subscriber, whichever instance, has applied a source; the index is the partition. Empty: not known yet. */
export interface SubscribedSource {
  source: string;
  positions: { epoch: number; n: number }[];
  /** Positions between the newest that was heard of and the oldest that a partition lacks; absent: nothing was heard. */
  lagPositions?: number;
  /** How old what is applied is, in ms; absent: not known. */
  stalenessMs?: number;
  /** Keys whose events wait; absent: an older version answers. */
  parkedKeys?: number;
}

/** Reads a report; undefined for anything that is none. */
export function decodeSubscriberReport(data: string): SubscriberReport | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isReport(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isReport(value: unknown): value is SubscriberReport {
  if (typeof value !== 'object' || value === null) return false;
  const { subscriber, instance, state, replicas, sources } = value as Record<string, unknown>;
  return (
    [subscriber, instance, state].every((text) => typeof text === 'string') &&
    Array.isArray(replicas) &&
    Array.isArray(sources)
  );
}
