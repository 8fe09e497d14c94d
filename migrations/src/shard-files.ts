import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Files of the role `outbox` that a source has once, whatever its shards: the ways in for writers, which find the shard, and
 * the number of shards. All others make an outbox, and each shard has one.
 */
export const ONCE_A_SOURCE: readonly string[] = [
  '0002_emit.sql',
  '0005_emit_checks.sql',
  '0020_content_type.sql',
  '0021_debezium.sql',
  '0022_capture.sql',
  '0031_shards.sql',
  '0040_backfill.sql',
  '0050_present_epoch.sql',
];

const OUTBOX = fileURLToPath(new URL('../outbox/', import.meta.url));

/** What stays in the source's own schema, or is no object at all but a setting, wherever a shard's SQL names it. */
const SOURCE_WIDE = /\bbanyan\.(?!emit\b|notify\b)/g;

/** The schema of a shard above 0. */
export function shardSchema(shard: number): string {
  return `banyan_${shard}`;
}

/** A file's SQL for another schema: the name `banyan.` is the only thing that changes. */
export function forSchema(sql: string, schema: string): string {
  return sql.replaceAll(SOURCE_WIDE, `${schema}.`);
}

/**
 * Writes the files that make a shard's outbox into a folder, and removes it when `use` is done with it: the migration runner
 * takes folders only.
 */
export async function withShardFiles<T>(schema: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-shard-'));
  try {
    for (const file of await readdir(OUTBOX)) {
      if (ONCE_A_SOURCE.includes(file)) continue;
      await writeFile(join(folder, file), forSchema(await readFile(join(OUTBOX, file), 'utf8'), schema));
    }
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
