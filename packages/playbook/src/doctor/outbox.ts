import type { Queryable } from '@banyan/runtime';
import type { Findings } from './finding.js';
import type { ServerRow } from './postgres.js';

interface OutboxRow {
  source: string | null;
  epoch: number;
  last_n: string;
  acked_n: string;
  led_by: string | null;
  tick_age_s: number;
  bytes: string;
  shards: number;
  recorded_system: string | null;
  has_rows: boolean;
}

const OUTBOX = `
select status.source, status.epoch, status.last_n, status.acked_n, status.led_by,
  extract(epoch from clock_timestamp() - status.last_tick_at)::float8 as tick_age_s,
  (select sum(pg_total_relation_size(format('banyan.outbox_%s', slot)))::bigint from generate_series(0, 2) slot) as bytes,
  banyan.shards() as shards, recorded.system_identifier::text as recorded_system,
  exists (select from banyan.outbox) as has_rows
from banyan.outbox_status status cross join banyan.source recorded`;

const SYSTEM = `select system_identifier::text as system from pg_control_system()`;

const TRIGGERS = `
select c.oid::regclass::text as on_table, t.tgname as name, t.tgenabled as enabled
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
join pg_namespace n on n.oid = p.pronamespace
where n.nspname = 'banyan' and not t.tgisinternal and c.relnamespace <> n.oid order by 1, 2`;

/** A source's outbox: which source it is, what has not left it, whose history it is, its triggers. */
export async function examineOutbox(
  database: Queryable,
  server: ServerRow,
  findings: Findings,
): Promise<void> {
  const { database: name } = server;
  try {
    const { rows } = await database.query<OutboxRow>(OUTBOX);
    const [row] = rows;
    if (row === undefined) return;
    examineSource(row, name, findings);
    await examineHistory(database, row, { name, findings });
    await examineTriggers(database, name, findings);
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    findings.unchecked(`${name}: outbox`, what, 'Ask as the owner of the schema banyan.');
  }
}

function examineSource(row: OutboxRow, name: string, findings: Findings): void {
  const what = `${name}: outbox`;
  const waiting = Number(row.last_n) - Number(row.acked_n);
  const size = `${row.shards} shards, ${row.bytes} bytes`;
  if (row.source === null) {
    const told = `no relay has ever led it, ${size}`;
    if (row.has_rows) findings.warn(what, `${told}; events wait`, 'Start a relay for it: docs/relay.md.');
    else findings.unchecked(what, told, 'Start a relay for it: docs/relay.md.');
  } else if (row.tick_age_s > 60 && (waiting > 0 || row.has_rows)) {
    const age = `the last tick is ${Math.round(row.tick_age_s)} s old`;
    const remedy = 'See `banyan relay status`; a relay of the source has to run and lead.';
    findings.warn(
      what,
      `source ${row.source}: ${age}, ${waiting} events not known to be in the stream`,
      remedy,
    );
  } else {
    const led = row.led_by === null ? '' : `, led by ${row.led_by}`;
    findings.ok(what, `source ${row.source}, epoch ${row.epoch}, position ${row.last_n}${led}, ${size}`);
  }
}

async function examineHistory(
  database: Queryable,
  { recorded_system: recorded }: OutboxRow,
  { name, findings }: { name: string; findings: Findings },
): Promise<void> {
  if (recorded === null) return;
  const { rows } = await database.query<{ system: string }>(SYSTEM);
  const system = rows[0]?.system;
  if (system === undefined || system === recorded) return;
  const remedy =
    'Read docs/histories.md before anything is published: it may be a copy or a restored backup.';
  const found = `recorded on server ${recorded}, now on ${system}`;
  findings.fail(`${name}: history`, found, remedy);
}

/** Triggers by which tables of services that cannot be changed are published. */
async function examineTriggers(database: Queryable, name: string, findings: Findings): Promise<void> {
  const { rows } = await database.query<{ on_table: string; name: string; enabled: string }>(TRIGGERS);
  const off = rows.filter(({ enabled }) => enabled === 'D');
  for (const { on_table: table, name: trigger } of off) {
    const remedy = `alter table ${table} enable trigger ${trigger}; then rebuild what follows the table.`;
    findings.fail(`${name}: trigger ${trigger}`, `off on ${table}: its changes are not published`, remedy);
  }
  if (rows.length > 0 && off.length === 0) {
    const tables = [...new Set(rows.map((row) => row.on_table))].join(', ');
    findings.ok(`${name}: triggers`, `changes of ${tables} are published`);
  }
}
