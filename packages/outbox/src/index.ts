export { emit, emitTimed, type Emission, type EmitOptions, type EventId } from './emit.js';
export type { OutboxRow } from './outbox-row.js';
export { Backfiller } from './backfill/backfiller.js';
export type { BackfillerConfig, BackfillerOptions } from './backfill/options.js';
export { snapshots, type SnapshotKeys, type SnapshotOptions, type Snapshots } from './backfill/snapshots.js';
