import { computed, signal } from '@preact/signals';
import { look, session } from '../session/session.js';
import type { AuditPage, EdgeOverview } from '../wire.js';
import { LiveConnection } from './live-connection.js';
import { NOTHING_HEARD, reduceLive, type LiveEvent } from './live-state.js';

/** What the page knows of the system, as it comes in. */
export const live = signal(NOTHING_HEARD);

export const overview = computed(() => live.value.overview);
export const edges = computed<readonly EdgeOverview[]>(() => overview.value?.edges ?? []);
export const clockAheadMs = computed(() => live.value.clockAheadMs);

const tell = (event: LiveEvent): void => {
  live.value = reduceLive(live.value, event);
};

const connection = new LiveConnection({
  tell,
  onRefused: () => {
    session.value = { state: 'closed' };
  },
});

/** Where the entries go on that are older than those that were read; null: nowhere. undefined: none were read yet. */
const before = signal<number | null | undefined>(undefined);
export const hasEarlierAudit = computed(() => before.value !== null);

/** Follows the system from now on, with what was done before. */
export function followLive(): () => void {
  connection.start();
  // Their own page says it if they cannot be read.
  if (before.value === undefined) readEarlierAudit().catch(() => undefined);
  return () => connection.stop();
}

/** Reads older entries of the audit. @throws ApiError */
export async function readEarlierAudit(): Promise<void> {
  if (before.value === null) return;
  const from = before.value === undefined ? '' : `&before=${before.value}`;
  const { entries, next } = await look<AuditPage>(`/audit?limit=100${from}`);
  before.value = next;
  tell({ type: 'earlier-audit', nowMs: Date.now(), entries });
}
