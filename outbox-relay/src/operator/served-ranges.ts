import { rangeSubjectOf, type PositionRange } from '@banyan/contracts';
import { positionIn } from '../history/stream-table.js';
import { createInbox, type NatsConnection } from '@nats-io/nats-core';

/** Without a message for so long an answer has broken off, in ms. */
const SILENCE_MS = 5000;

export interface ServedOptions {
  source: string;
  epoch: number;
  onProgress: (positions: number) => void;
}

/**
 * Asks the range service for missing positions, as a reader that found the gap would.
 *
 * @returns the positions that it gave
 */
export async function askForHoles(
  nats: NatsConnection,
  holes: readonly PositionRange[],
  options: ServedOptions,
): Promise<Set<number>> {
  const served = new Set<number>();
  for (const hole of holes) {
    let fromN: number | undefined = hole.fromN;
    while (fromN !== undefined && fromN <= hole.toN) {
      fromN = await askOnce(nats, { fromN, toN: hole.toN }, { ...options, served });
      options.onProgress(served.size);
    }
  }
  return served;
}

/** @returns where to go on; undefined if the service refused or fell silent */
async function askOnce(
  nats: NatsConnection,
  { fromN, toN }: PositionRange,
  { source, epoch, served }: ServedOptions & { served: Set<number> },
): Promise<number | undefined> {
  const inbox = createInbox();
  const answers = nats.subscribe(inbox, { timeout: SILENCE_MS });
  nats.publish(rangeSubjectOf(source), JSON.stringify({ epoch, fromN, toN }), { reply: inbox });
  try {
    for await (const { headers } of answers) {
      if ((headers?.get('Nats-Service-Error') ?? '') !== '' || headers?.code === 503) return undefined;
      const next = Number(headers?.get('Banyan-Range-Next') ?? '');
      if (next > 0) return next > fromN ? next : undefined;
      const position = positionIn(headers?.get('Banyan-Position') ?? '');
      if (position?.epoch === epoch) served.add(position.n);
    }
    return undefined;
  } catch {
    return undefined;
  } finally {
    answers.unsubscribe();
  }
}
