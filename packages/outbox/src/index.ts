export { emit, type EmitOptions, type EventId } from './emit.js';
export type { OutboxRow } from './outbox-row.js';
