import type { ClientBase } from 'pg';
import type { SourceRecord } from '../source-record.js';
import { lastNOf, newestTick, readTick } from '../tick.js';
import { otherHistory } from './other-history.js';
import type { AckedTick, WitnessRecord } from './witness.js';

/**
 * Compares the database with what it was when a relay last led on it. It must come before anything is read from the ticks:
 * in a restored dump or a logical copy transaction ids, and so snapshots, mean nothing.
 * @throws BanyanError BANYAN_OTHER_HISTORY
 */
export function judgeDatabase(source: string, { identity, noted }: SourceRecord): void {
  if (noted === undefined) return;
  if (noted.systemIdentifier !== identity.systemIdentifier) {
    throw otherHistory(
      source,
      `this is PostgreSQL system ${identity.systemIdentifier}, but its outbox was filled in system ` +
        `${noted.systemIdentifier}: a restored dump, a logical copy, or pg_upgrade`,
    );
  }
  if (noted.timeline > identity.timeline) {
    throw otherHistory(
      source,
      `this database is on timeline ${identity.timeline}, it was on ${noted.timeline}`,
    );
  }
}

/**
 * Compares the database with what NATS remembers of the one that published last.
 * @throws BanyanError BANYAN_OTHER_HISTORY if this one is older, or has lost what was acknowledged
 */
export async function judgeByWitness(
  client: ClientBase,
  source: string,
  subject: { record: SourceRecord; witness: WitnessRecord | undefined },
): Promise<void> {
  const { record, witness } = subject;
  if (witness === undefined || witness.epoch < record.epoch) return;
  const { systemIdentifier, timeline } = record.identity;
  const here = `this database: system ${systemIdentifier}, timeline ${timeline}, epoch ${record.epoch}`;
  const there = `system ${witness.systemIdentifier}, timeline ${witness.timeline}, epoch ${witness.epoch}`;
  const isOlder = witness.epoch > record.epoch || witness.timeline > timeline;
  if (isOlder || witness.systemIdentifier !== systemIdentifier) {
    throw otherHistory(source, `another database published last: ${there}; ${here}`);
  }
  if (witness.acked !== undefined) await judgeAcked(client, source, witness.acked);
}

/** A tick that is older than the newest and not there was pruned; one that is newer was lost. */
async function judgeAcked(client: ClientBase, source: string, acked: AckedTick): Promise<void> {
  const tick = await readTick(client, acked.tick);
  const newest = tick ?? (await newestTick(client));
  if (tick === undefined && acked.tick < newest.tick) return;
  if (tick !== undefined && lastNOf(tick) === acked.n && tick.lastEventId === acked.eventId) return;
  throw otherHistory(
    source,
    `tick ${acked.tick} was acknowledged up to n ${acked.n} (event ${acked.eventId ?? 'none'}), but here ` +
      (tick === undefined
        ? `the newest tick is ${newest.tick} (n ${lastNOf(newest)})`
        : `it ends with n ${lastNOf(tick)} (event ${tick.lastEventId ?? 'none'})`),
  );
}
