import type { Repair } from '@banyan/contracts';
import type { NatsConnection } from '@nats-io/nats-core';
import type { ClientBase, PoolClient } from 'pg';
import { countAll, type AuditCounts } from './audit/counts.js';
import { compareRanges, type RangeDifference } from './audit/compare-ranges.js';
import { copyStream } from './history/stream-table.js';
import { findShard, POINT_AT_SCHEMA, schemaOf } from './shard.js';
import { openManager } from './stream.js';

export type { RangeDifference };

/** How a source's stream compares with its outbox. */
export interface AuditReport extends AuditCounts {
  /** Stretches of 10,000 positions that were compared by count and digest. */
  ranges: number;
  /** Those that differ, each with its first difference. */
  differences: RangeDifference[];
  repair: Repair;
}

/** True when nothing is wrong. */
export function isBalanced(report: AuditReport): boolean {
  const { duplicates, gaps, brokenLinks, inversions, missing, unknown } = report;
  return duplicates + gaps + brokenLinks + inversions + missing + unknown + report.differences.length === 0;
}

/** A pool of connections to the source's database. */
export interface AuditDatabase {
  connect: () => Promise<PoolClient>;
}

/**
 * Reads a source's whole stream and compares it with all of its retained outbox: by event, whatever the ticks say, and by
 * position, as the ticks say. Run it while nobody writes: what is on its way counts as missing. The comparison is made in
 * the database, in a temporary table of the messages' headers, so this process needs memory for a page only.
 */
export async function auditStream(
  db: AuditDatabase,
  nats: NatsConnection,
  source: string,
): Promise<AuditReport> {
  const client = await db.connect();
  try {
    return await auditWith(client, nats, source);
  } finally {
    client.release();
  }
}

async function auditWith(client: ClientBase, nats: NatsConnection, source: string): Promise<AuditReport> {
  const manager = await openManager(nats);
  await client.query('begin');
  try {
    await client.query(POINT_AT_SCHEMA, [schemaOf(await findShard(client, source)), true]);
    await copyStream(client, { nats, manager }, source);
    const counts = await countAll(client);
    const { ranges, differences } = await compareRanges(client);
    return { ...counts, ranges, differences, repair: repairOf(counts, differences) };
  } finally {
    await client.query('rollback');
  }
}

function repairOf(counts: AuditCounts, differences: readonly RangeDifference[]): Repair {
  const { duplicates, brokenLinks, inversions, unknown, gaps } = counts;
  const foreign = differences.some(({ kind }) => kind === 'other-event');
  if (foreign || duplicates + inversions + unknown > 0) return 'decision';
  if (gaps + brokenLinks > 0 || differences.some(({ kind }) => kind === 'missing-inside')) return 'ranges';
  return counts.missing + differences.length > 0 ? 'relay' : 'nothing';
}
