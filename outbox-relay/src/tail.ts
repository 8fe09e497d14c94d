import { parsePosition, subjectsOf } from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import type { ClientBase } from 'pg';
import { otherHistory } from './history/other-history.js';
import { computeEvents, computeHeads } from './history/recompute.js';
import { lastNOf, readTick, type Tick } from './tick.js';

/** The last event in the stream, by its own headers. */
export interface Tail {
  epoch: number;
  n: number;
  tick: number;
  eventId: string;
  /** Sequence of its message. Not always the stream's last one: messages after it may have been deleted. */
  sequence: number;
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
    throw otherHistory(
      source,
      `message ${message.seq} of ${info.config.name} (${message.subject}) was not written by a relay: it has no position`,
    );
  }
  return { ...parsePosition(position), tick, eventId: message.header.get('ce-id'), sequence: message.seq };
}

const RETAINED_AFTER = `select retained_after_tick from source`;

/** A place in the source's history: position n, and what is needed to go on from it. */
export interface Place {
  n: number;
  tick: Tick;
  /** Last position of each partition, as of n. The place's own copy: it moves on with n. */
  heads: number[];
}

/** Which source, and in which epoch this database is. */
export interface Where {
  source: string;
  epoch: number;
}

/**
 * Finds the stream's tail in this database's own history.
 * @throws BanyanError BANYAN_OTHER_HISTORY if this database computes another event for that position, or none
 */
export async function locateTail(client: ClientBase, tail: Tail, where: Where): Promise<Place> {
  const { epoch } = where;
  const tick = tail.epoch === epoch ? await readTick(client, tail.tick) : undefined;
  if (tick === undefined && tail.epoch === epoch) await refusePruned(client, tail);
  if (tick === undefined || tail.n < tick.firstN || tail.n > lastNOf(tick)) {
    throw elsewhere(tail, where, `this database (epoch ${epoch}) has no such position in tick ${tail.tick}`);
  }
  if (tail.n === lastNOf(tick))
    return checkedPlace(tail, where, { eventId: tick.lastEventId, n: tail.n, tick, heads: [...tick.heads] });
  return locateInside(client, tail, { ...where, tick });
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

/** The place of position n, somewhere in a tick's batch. Needs all of the batch's rows. */
async function locateInside(client: ClientBase, tail: Tail, where: Where & { tick: Tick }): Promise<Place> {
  const { tick } = where;
  const heads = await headsAfter(client, tick, tail.n);
  const stretch = { fromTick: tick.tick, toTick: tick.tick, fromN: tail.n, toN: tail.n };
  const [event] = await computeEvents(client, stretch);
  if (event !== undefined && heads !== undefined) {
    return checkedPlace(tail, where, { eventId: event.eventId, n: tail.n, tick, heads });
  }
  throw new BanyanError(
    'BANYAN_NOT_RETAINED',
    `the stream ends inside tick ${tick.tick} at n ${tail.n}, whose rows are no longer in the outbox`,
  );
}

/**
 * Each partition's last position as of position n of a tick's batch; n may also be the one before the batch.
 * @returns undefined if the tick before is no longer known
 */
export async function headsAfter(client: ClientBase, tick: Tick, n: number): Promise<number[] | undefined> {
  const before = await readTick(client, tick.tick - 1);
  if (before === undefined) return undefined;
  const stretch = { fromTick: tick.tick, toTick: tick.tick, fromN: tick.firstN, toN: n };
  const moved = n < tick.firstN ? new Map<number, number>() : await computeHeads(client, stretch);
  return before.heads.map((head, partition) => moved.get(partition) ?? head);
}

function checkedPlace(tail: Tail, where: Where, found: Place & { eventId: string | undefined }): Place {
  const { eventId, ...place } = found;
  if (tail.eventId === eventId) return place;
  throw elsewhere(tail, where, `this database has event ${eventId ?? 'none'} there`);
}

function elsewhere(tail: Tail, where: Where, what: string): BanyanError {
  const at = `${tail.epoch}.${tail.n} (event ${tail.eventId}, tick ${tail.tick})`;
  return otherHistory(where.source, `the stream ends at ${at}, but ${what}`);
}
