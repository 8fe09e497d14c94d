import type { NatsConnection } from '@nats-io/nats-core';
import { BanyanError } from '@banyan/runtime';
import { parseEdge } from '../edge-name.js';
import { RunBucket } from '../run/run-bucket.js';
import type { Stage } from '../stage.js';

/** What one process saw while its provider was cut off. */
export interface RehearsalCounts {
  /** Calls that began within that time and have ended. */
  calls: number;
  /** How many of them ended as they would with nobody there: not those that were answered "not found", or refused by a rule. */
  failed: number;
  /** How often somebody wanted to go to the provider, and could not. */
  cut: number;
}

/** A rehearsal of an edge, as it is kept: the last one of each. */
export interface RehearsalRecord extends RehearsalCounts {
  /** Canonical text. */
  edge: string;
  /** The stage it was done at, and the change that was in force. */
  stage: Stage;
  changeId: string;
  at: string;
  by: string;
  forMs: number;
  /** The error budget: the share of the calls that may fail. */
  maxErrors: number;
  /** `not-enough`: too few calls to say anything. */
  outcome: 'passed' | 'failed' | 'not-enough';
  /** What told against it besides calls that failed; empty: nothing did. */
  why: string;
  processes: (RehearsalCounts & { service: string; instance: string })[];
}

const keyOf = (edge: string): string => `rehearsal.${parseEdge(edge).key}`;

/** Keeps a rehearsal as the edge's last. @throws BANYAN_CONTROL_UNREACHABLE */
export async function recordRehearsal(connection: NatsConnection, record: RehearsalRecord): Promise<void> {
  const bucket = await RunBucket.open(connection);
  const key = keyOf(record.edge);
  const before = await bucket.read(key);
  if ((await bucket.put(key, JSON.stringify(record), before?.revision)) !== undefined) return;
  throw new BanyanError(
    'BANYAN_REHEARSAL_REFUSED',
    `another rehearsal of ${record.edge} ended at the same time`,
  );
}

/** The last rehearsal of each edge, by edge. @throws BANYAN_CONTROL_UNREACHABLE */
export async function readRehearsals(connection: NatsConnection): Promise<RehearsalRecord[]> {
  const bucket = await RunBucket.find(connection);
  const entries = (await bucket?.list('rehearsal.>')) ?? [];
  return entries.map(({ text }) => decoded(text)).filter((record) => record !== undefined);
}

function decoded(text: string): RehearsalRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRehearsal(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRehearsal(value: unknown): value is RehearsalRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { edge, changeId, outcome, at, calls, failed } = value as Record<string, unknown>;
  const texts = [edge, changeId, outcome, at].every((each) => typeof each === 'string');
  return texts && typeof calls === 'number' && typeof failed === 'number';
}
