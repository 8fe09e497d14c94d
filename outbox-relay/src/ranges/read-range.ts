import { BanyanError } from '@banyan/runtime';
import type { ClientBase } from 'pg';
import { readBatch } from '../batch.js';
import { messageOf, type OutgoingMessage } from '../message.js';
import type { SourceRecord } from '../source-record.js';
import { headsAfter } from '../tail.js';
import { lastNOf, newestTick, readTick, type Tick } from '../tick.js';
import type { RangeRequest } from './range-request.js';

/** Rows read at a time. */
const PAGE_ROWS = 200;

/** Of ticks that retention has left in part, none is read: their positions could not be counted. */
const FIRST_TICK = `
select min(tick) as tick from tick, source where tick > greatest(retained_after_tick, $1)`;

/**
 * The messages of a range, as they were published, in order and one position after the other; positions of other
 * partitions come without a message. The caller stops when it has enough.
 * @throws BanyanError BANYAN_NOT_RETAINED, or BANYAN_RANGE_INVALID for positions that are not yet recorded
 */
export async function* readRange(
  client: ClientBase,
  source: string,
  { record, request }: { record: SourceRecord; request: RangeRequest },
): AsyncGenerator<{ n: number; message: OutgoingMessage | undefined }, void, undefined> {
  const newest = await newestTick(client);
  if (request.toN > lastNOf(newest)) {
    const last = `${record.epoch}.${lastNOf(newest)}`;
    throw new BanyanError(
      'BANYAN_RANGE_INVALID',
      `${record.epoch}.${request.toN} is not yet recorded; the last is ${last}`,
    );
  }
  let tick = await findTick(client, request.fromN, { newest, baseTick: record.baseTick });
  let n = request.fromN;
  while (n <= request.toN) {
    const heads = await headsAfter(client, tick, n - 1);
    if (heads === undefined) throw notRetained(n);
    for await (const page of readBatch(client, tick, n, PAGE_ROWS)) {
      for (const row of page) {
        if (row.n > request.toN) return;
        const wanted = request.partition === undefined || request.partition === row.partition;
        const prevN = heads[row.partition] ?? 0;
        const message = wanted
          ? messageOf(row, { source, epoch: record.epoch, tick: tick.tick, prevN })
          : undefined;
        heads[row.partition] = row.n;
        n = row.n + 1;
        yield { n: row.n, message };
      }
    }
    if (n <= lastNOf(tick)) throw notRetained(n);
    if (n <= request.toN) tick = await nextTick(client, tick);
  }
}

async function nextTick(client: ClientBase, tick: Tick): Promise<Tick> {
  const next = await readTick(client, tick.tick + 1);
  if (next === undefined) throw notRetained(lastNOf(tick) + 1);
  return next;
}

/** The tick of position n: by halving, since ticks are dense and their positions rise. */
export async function findTick(
  client: ClientBase,
  n: number,
  { newest, baseTick }: { newest: Tick; baseTick: number },
): Promise<Tick> {
  const { rows } = await client.query<{ tick: string | null }>(FIRST_TICK, [baseTick]);
  const oldest = rows[0]?.tick ?? undefined;
  if (oldest === undefined) throw notRetained(n);
  let low = Number(oldest);
  let high = newest.tick;
  while (low < high) {
    const middle = await tickAt(client, Math.floor((low + high) / 2), n);
    if (lastNOf(middle) >= n) high = middle.tick;
    else low = middle.tick + 1;
  }
  const found = await tickAt(client, low, n);
  if (n >= found.firstN && n <= lastNOf(found)) return found;
  throw notRetained(n);
}

async function tickAt(client: ClientBase, number: number, n: number): Promise<Tick> {
  const tick = await readTick(client, number);
  if (tick === undefined) throw notRetained(n);
  return tick;
}

function notRetained(n: number): BanyanError {
  return new BanyanError('BANYAN_NOT_RETAINED', `the event at n ${n} is no longer in the outbox`);
}
