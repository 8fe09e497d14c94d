/**
 * One error family for the whole toolkit. Class, message and "how to solve" come from one closed table, and so does
 * `docs/errors.md`. The code comes first in the message, then what happened with the value seen, then the remedy.
 */
export const ERROR_CODES = {
  BANYAN_OPTION_UNKNOWN:
    'Remove the option or use the suggested name; every option is listed in docs/options.md.',
  BANYAN_OPTION_INVALID:
    'Give a value of the kind and range that the message names; docs/options.md lists them.',
  BANYAN_EVENT_UNKNOWN:
    'Declare the event in proto/ with the (banyan.v1.event) option and run `npm run gen`.',
  BANYAN_EVENT_INVALID: 'Fill in the fields that carry the aggregate id and version before emitting.',
  BANYAN_EVENT_UNREADABLE:
    'Deploy a handler that can read it, or give it up with `banyan parked skip`, once you know who wrote it.',
  BANYAN_POSITION_INVALID:
    'A position is written `epoch.n`, both positive whole numbers, for example `1.42`.',
  BANYAN_SOURCE_MISMATCH: 'Point the relay at the database of the source that it names, or correct the name.',
  BANYAN_SCHEMA_MISSING: 'Run the migrations of this database role first (see migrations/README.md).',
  BANYAN_SHARDS_DIFFER:
    'Start every relay of the source with the number of shards that its database has (option `shards`).',
  BANYAN_NATS_UNSUPPORTED:
    'Use nats-server 2.10 or later with JetStream, and the limits that the message asks for.',
  BANYAN_STREAM_CONFIG:
    'Correct the stream’s configuration as the message says; the relay never edits it by itself.',
  BANYAN_OTHER_HISTORY:
    'The database’s history is not the one in the stream. Find out which is right before anything is published.',
  BANYAN_NOT_RETAINED:
    'The rows needed have left the outbox. Raise its retention, or rebuild the stream’s readers.',
  BANYAN_EPOCH_REFUSED:
    'Stop the relays of this source first, if its database’s history is really to begin anew.',
  BANYAN_RANGE_INVALID:
    'Ask for positions that the stream has shown, of the source’s present epoch, as docs/histories.md describes.',
  BANYAN_RANGE_BUSY: 'Ask again after a pause; more relays of the source answer more requests.',
  BANYAN_AUDIT_FAILED: 'Nothing was changed. Try again once database and broker answer.',
  BANYAN_CAPTURE_REFUSED:
    'Correct what the message names; the relay’s database role must own the table, or its owner runs the SQL itself.',
  BANYAN_TASK_REFUSED: 'Ask again when it is free, or correct the task as the message says.',
  BANYAN_RELAY_AMBIGUOUS:
    'Find out which database is right, and name one of its relays with --relay <host:pid>.',
  BANYAN_RELAY_UNREACHABLE: 'See `banyan relay status`; a relay of the source has to run.',
  BANYAN_STREAM_HOLE:
    'Let nobody but the relay publish on evt.<source>.> (NATS permissions). The missing events are in the outbox.',
  BANYAN_POOLING_UNSUPPORTED:
    'Connect the relay to PostgreSQL directly or through a session-pooling address.',
  BANYAN_FENCED:
    'Another writer moved the stream. The relay reads it back and goes on by itself; check for a second writer.',
  BANYAN_PUBLISH_FAILED: 'The relay retries by itself; check the NATS server if it goes on.',
  BANYAN_LEADERSHIP_LOST: 'Another relay leads this source now; this one waits as its stand-by.',
  BANYAN_GAP: 'Events are missing between the stored position and the next one; nothing was stepped over.',
  BANYAN_HANDLER_FAILED: 'Correct the handler; the event stays where it is and is tried again.',
  BANYAN_HANDLER_TIMEOUT:
    'Find what the handler waits for (a lock, a call without a deadline); raise handlerTimeoutMs if it only is that slow.',
  BANYAN_PARKED_LIMIT:
    'So many keys failing is a defect rather than bad data: correct the handler, restart, then `banyan parked retry --all`.',
  BANYAN_PARKED_UNKNOWN: '`banyan parked list` shows the keys that are parked, and their subscribers.',
  BANYAN_DATABASE_UNREACHABLE:
    'Give --database-url <url> or set DATABASE_URL to the database that the subscriber writes to.',
  BANYAN_GAP_UNSERVED:
    'Let a relay of the source run, or rebuild what the subscriber keeps: `banyan backfill <replica>` sends it anew.',
  BANYAN_TOKEN_INVALID:
    'A token is written `source/aggregate/id@version` or `source:epoch.n/partition`, for example `projects/project/p1@7`.',
  BANYAN_LISTENER_CONFLICT:
    'Give the listener another name, or delete the consumer that the message names and begin anew.',
  BANYAN_REPLICA_FULL: 'Raise maxEntries, or keep fewer columns and aggregates in memory; then restart.',
  BANYAN_REPLICA_INCOMPLETE:
    'Fill the replica from a table that a subscriber keeps (option `fill`): the stream no longer holds everything.',
  BANYAN_REPLICA_INVALID: 'Correct the replica’s definition: table, key, columns or event mapping.',
  BANYAN_EDGE_INVALID:
    'An edge is written `caller -> provider.Method`, for example `tasks -> projects.GetProject`.',
  BANYAN_EDGE_RETIRED:
    'Build the caller’s client with the edge’s interceptor, or take the edge back: `banyan back <edge>`.',
  BANYAN_STAGE_INVALID: 'Use one of the stages that the message lists.',
  BANYAN_SHARE_INVALID:
    'A share is a percentage from 0 to 100 in steps of 0.01. `banyan advance --share` raises it, `banyan back --share` lowers it.',
  BANYAN_STAGE_CONFLICT:
    'Somebody else changed the stage in the meantime: look at `banyan status` and try again.',
  BANYAN_FLAG_INVALID:
    'A flag’s name has letters, digits, `-`, `_` and `.`, 128 at most; its value is true, false or a text. See docs/flags.md.',
  BANYAN_FLAG_UNKNOWN: '`banyan flag list` shows the flags that there are; `banyan flag set` makes one.',
  BANYAN_GATE_REFUSED:
    'See what is missing in the message; `--force --reason "…"` overrides it and is audited.',
  BANYAN_CONTROL_UNREACHABLE:
    'Check the NATS address and that it can be reached from here; running processes go on without this command.',
  BANYAN_PLAYBOOK_INVALID:
    'Correct the playbook there; an editor that reads playbooks/playbook.schema.json completes and checks it as you write.',
  BANYAN_RUN_HELD:
    'Let the other one go on, stop it with Ctrl-C, or ask it to pause: `banyan apply pause`. One that was killed is replaced within seconds.',
  BANYAN_RUN_STOPPED:
    'See why with `banyan apply status`. Once that is settled `banyan apply --yes` goes on from where it stands.',
  BANYAN_STEP_UNKNOWN: 'Name a step by its id, its number in `banyan plan`, or its words.',
  BANYAN_REHEARSAL_REFUSED:
    'Rehearse at prefer-replica, replica or event, one at a time; or say --force if an outage is what you want.',
  BANYAN_REPLICA_STALE:
    'The replica is older than the edge’s staleness budget; check the relay and the subscriber.',
  BANYAN_REPLICA_FAILED:
    'Look at the replica’s database and the process’s log; `banyan back` returns the edge to its provider.',
  BANYAN_REPLICA_BEHIND:
    'Its caller has seen something newer: check relay and subscriber, or give the call a longer deadline.',
  BANYAN_REPLICA_EPOCH:
    'The source has begun a new history: rebuild the replica (`banyan rebuild <replica>`), and see docs/histories.md.',
  BANYAN_BACKFILL_INVALID:
    'Correct the definition of the snapshots: table, key columns, or what `load` gives; then `banyan backfill resume`.',
  BANYAN_BACKFILL_REFUSED:
    'See `banyan backfill status <replica>`; pause, resume or cancel what is there first.',
  BANYAN_BACKFILL_UNREACHABLE:
    'A process of the source with a Backfiller for that aggregate has to run; `banyan backfill <source>/<aggregate>` names it.',
  BANYAN_REBUILD_REFUSED:
    'Do what the message says, then ask again; `banyan rebuild status <replica>` tells where it stands.',
  BANYAN_REBUILD_UNREACHABLE: 'An instance of the subscriber that keeps the replica has to run.',
  BANYAN_MISMATCH_UNKNOWN: '`banyan mismatch list` shows those that are kept; the oldest go first.',
  BANYAN_CACHE_FAILED:
    'Calls go on without the cache meanwhile; check the Redis that the message names, and the way to it.',
  BANYAN_DEVSTACK: 'Follow the attempts listed in the message.',
  BANYAN_MIGRATION: 'Correct the database or the SQL that the message names, then run the migrations again.',
  BANYAN_NO_TRANSACTION:
    'Call it within the transaction of a subscriber’s handler or of a receiver’s effect, or run the transaction in `committing`.',
  BANYAN_AUDIT_UNWRITABLE:
    'Nothing was changed. See that the stream banyan_audit has room and takes audit.>, and that you may publish there.',
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Every error that the toolkit raises on purpose. Anything else that is thrown is a defect or a foreign error. */
export class BanyanError extends Error {
  readonly code: ErrorCode;
  /** What to do about it. */
  readonly remedy: string;
  /** The message without the code. */
  readonly rawMessage: string;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; remedy?: string } = {}) {
    super(`${code}: ${message}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BanyanError';
    this.code = code;
    this.rawMessage = message;
    this.remedy = options.remedy ?? ERROR_CODES[code];
  }
}

/** True for a toolkit error, and for one of the given code if a code is given. */
export function isBanyanError(error: unknown, code?: ErrorCode): error is BanyanError {
  return error instanceof BanyanError && (code === undefined || error.code === code);
}

/** What went wrong, in one line, whatever was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
