import { streamOf } from '@banyan/contracts';
import { BanyanError, isBanyanError, wait } from '@banyan/runtime';
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import type { ClientBase } from 'pg';
import { positionIn } from '../history/stream-table.js';
import type { Session } from '../session.js';
import { messageFrom, openManager, readStream } from '../stream.js';
import { readTail } from '../tail.js';
import type { AuditConnections } from '../audit/recorded-audit.js';

/** Without a new message for so long the rebuild is given up, in ms; the relay goes on with it by itself. */
const STALLED_MS = 60_000;
const LOOK_MS = 100;

// Rotation needs the exclusive lock of a slot: while this one is held every event stays in the outbox. It is the weakest lock
// that there is, so writers and relays notice nothing of it.
const HOLD_EVENTS = `lock table outbox in access share mode`;
const IS_RETAINED = `
select s.retained_after_tick <= e.base_tick as retained, s.epoch from source s join epoch e using (epoch)`;

export interface RebuildOptions {
  source: string;
  /** The position up to which the stream has to come back. */
  toN: number;
  signal: AbortSignal;
  onProgress: (progress: { done: number; of: number }) => void;
}

/** True if the outbox has every event that is in the stream: all of this epoch, and the stream has none of an earlier one. */
export async function isAllRetained(
  client: ClientBase,
  manager: JetStreamManager,
  source: string,
): Promise<boolean> {
  const { rows } = await client.query<{ retained: boolean; epoch: number }>(IS_RETAINED);
  if (rows[0]?.retained !== true) return false;
  const stream = await readStream(manager, source);
  if (stream === undefined || stream.state.messages === 0) return true;
  const first = await messageFrom(manager, stream.config.name, stream.state.first_seq);
  return positionIn(first?.header.get('Banyan-Position') ?? '')?.epoch === rows[0].epoch;
}

/**
 * Deletes the stream and has the leading relay publish it anew, at the same positions. The events are held in the outbox
 * until the stream has them all; if this process dies on the way, the relay goes on with it.
 *
 * @throws BanyanError BANYAN_NOT_RETAINED if events have left the outbox: then nothing was deleted
 */
export async function rebuildStream(
  session: Session,
  { nats }: Pick<AuditConnections, 'nats'>,
  options: RebuildOptions,
): Promise<void> {
  const { source } = options;
  const manager = await openManager(nats);
  await session.client.query('begin');
  try {
    await session.client.query(`set local lock_timeout = '5s'`);
    await session.client.query(HOLD_EVENTS);
    if (!(await isAllRetained(session.client, manager, source))) {
      throw new BanyanError('BANYAN_NOT_RETAINED', `events of ${source} have left the outbox meanwhile`);
    }
    const stream = await readStream(manager, source);
    if (stream !== undefined) await replaceStream(manager, stream.config);
    await untilPublished(session, manager, options);
  } finally {
    await session.client.query('rollback').catch(() => undefined);
  }
}

/** With the configuration that it had. A relay that notices at once may have made one of its own in between. */
async function replaceStream(manager: JetStreamManager, config: StreamConfig): Promise<void> {
  await manager.streams.delete(config.name);
  try {
    await manager.streams.add(config);
  } catch {
    await manager.streams.update(config.name, config);
  }
}

async function untilPublished(
  session: Session,
  manager: JetStreamManager,
  { source, toN, signal, onProgress }: RebuildOptions,
): Promise<void> {
  let [reached, movedMs] = [0, performance.now()];
  while (reached < toN && !signal.aborted) {
    // An idle leader would not notice before its next event: one that begins anew reads the stream back.
    if (reached === 0) await session.endSilentLeader(0);
    await wait(LOOK_MS, signal);
    const n = await lastN(manager, source);
    if (n > reached) [reached, movedMs] = [n, performance.now()];
    onProgress({ done: Math.min(reached, toN), of: toN });
    if (performance.now() - movedMs < STALLED_MS) continue;
    throw new BanyanError(
      'BANYAN_AUDIT_FAILED',
      `${streamOf(source)} was deleted, and published again up to n ${reached} of ${toN}; since ${STALLED_MS} ms nothing came`,
      { remedy: 'See `banyan relay status`; a relay that leads goes on with it by itself.' },
    );
  }
}

/** A broker between two leaders answers nothing for a moment. */
async function lastN(manager: JetStreamManager, source: string): Promise<number> {
  try {
    const stream = await readStream(manager, source);
    const tail = stream === undefined ? undefined : await readTail(manager, stream, source);
    return tail?.n ?? 0;
  } catch (error) {
    if (isBanyanError(error)) throw error;
    return 0;
  }
}
