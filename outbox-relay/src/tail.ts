import { parsePosition, subjectsOf } from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import type { ClientBase } from 'pg';
import { readBatch } from './batch.js';
import { lastNOf, readTick, type Tick } from './tick.js';

/** The last event in the stream, by its own headers. */
export interface Tail {
  epoch: number;
  n: number;
  tick: number;
  eventId: string;
}

/**
 * The stream's last event; undefined if it holds none. Read by the stream's own subjects from the leader, not by direct
 * get, which any replica may answer from its past.
 */
export async function readTail(
  manager: JetStreamManager,
  info: StreamInfo,
  source: string,
): Promise<Tail | undefined> {
  if (info.state.messages === 0) return undefined;
  const message = await manager.streams.getMessage(info.config.name, { last_by_subj: subjectsOf(source) });
  if (message === null) return undefined;
  const position = message.header.get('Banyan-Position');
  const tick = Number(message.header.get('Banyan-Tick'));
  if (position === '' || !Number.isSafeInteger(tick)) {
    throw new BanyanError(
      'BANYAN_OTHER_HISTORY',
      `message ${message.seq} of ${info.config.name} (${message.subject}) was not written by a relay: it has no position`,
    );
  }
  return { ...parsePosition(position), tick, eventId: message.header.get('ce-id') };
}

const RETAINED_AFTER = `select retained_after_tick from banyan.source`;

/** A place in the source's history: position n, and what is needed to go on from it. */
export interface Place {
  n: number;
  tick: Tick;
  /** Last position of each partition, as of n. The place's own copy: it moves on with n. */
  heads: number[];
}

/**
 * Finds the stream's tail in this database's own history.
 * @throws BanyanError BANYAN_OTHER_HISTORY if this database computes another event for that position, or none
 */
export async function locateTail(client: ClientBase, tail: Tail, epoch: number): Promise<Place> {
  const tick = tail.epoch === epoch ? await readTick(client, tail.tick) : undefined;
  if (tick === undefined && tail.epoch === epoch) await refusePruned(client, tail);
  if (tick === undefined || tail.n < tick.firstN || tail.n > lastNOf(tick)) {
    throw otherHistory(tail, `this database (epoch ${epoch}) has no such position in tick ${tail.tick}`);
  }
  if (tail.n === lastNOf(tick))
    return checkedPlace(tail, tick.lastEventId, { n: tail.n, tick, heads: [...tick.heads] });
  return locateInside(client, tail, tick);
}

/** @throws BanyanError BANYAN_NOT_RETAINED if the tail's tick went with its events: then nobody can tell whose history it is */
async function refusePruned(client: ClientBase, tail: Tail): Promise<void> {
  const { rows } = await client.query<{ retained_after_tick: string }>(RETAINED_AFTER);
  const retainedAfter = Number(rows[0]?.retained_after_tick ?? 0);
  if (tail.tick >= retainedAfter) return;
  throw new BanyanError(
    'BANYAN_NOT_RETAINED',
    `the stream ends at n ${tail.n} in tick ${tail.tick}, but the outbox retains only the events after tick ${retainedAfter}`,
  );
}

/** The place of position n, somewhere in a tick's batch. Needs the batch's rows up to n. */
async function locateInside(client: ClientBase, tail: Tail, tick: Tick): Promise<Place> {
  const before = await readTick(client, tick.tick - 1);
  const heads = [...(before?.heads ?? [])];
  for await (const rows of readBatch(client, tick, tick.firstN, 1000)) {
    for (const row of rows) {
      heads[row.partition] = row.n;
      if (row.n === tail.n) return checkedPlace(tail, row.eventId, { n: tail.n, tick, heads });
    }
  }
  throw new BanyanError(
    'BANYAN_NOT_RETAINED',
    `the stream ends inside tick ${tick.tick} at n ${tail.n}, whose rows are no longer in the outbox`,
  );
}

function checkedPlace(tail: Tail, eventId: string | undefined, place: Place): Place {
  if (tail.eventId === eventId) return place;
  throw otherHistory(tail, `this database has event ${eventId ?? 'none'} there`);
}

function otherHistory(tail: Tail, what: string): BanyanError {
  const where = `${tail.epoch}.${tail.n} (event ${tail.eventId}, tick ${tail.tick})`;
  return new BanyanError('BANYAN_OTHER_HISTORY', `the stream ends at ${where}, but ${what}`);
}
