import { backfillSubjectOf, hasApplied, type BackfillAnswer, type BackfillReport } from '@banyan/contracts';
import type { BackfillStanding } from '@banyan/control';
import type { SourceFreshness } from '@banyan/subscriber';
import type { NatsConnection } from '@nats-io/nats-core';

export interface ReplicaBackfillParts {
  nats: Promise<NatsConnection>;
  /** What the replica is of. */
  source: string;
  aggregate: string;
  declared: BackfillStanding['declared'];
  /** How far its subscriber is, in each source. */
  progress: () => readonly SourceFreshness[];
}

/** The reporter waits for a part of this only; what comes later is told the next time. */
const ANSWER_MS = 1_000;

/**
 * Whether a replica has the rows that are in no event: what the source's own processes say of the last backfill, and whether
 * the subscriber has got all of it. What was heard last holds while the source is away.
 */
export class ReplicaBackfill {
  readonly #parts: ReplicaBackfillParts;
  #heard: BackfillReport | 'none' | 'unknown' = 'unknown';

  constructor(parts: ReplicaBackfillParts) {
    this.#parts = parts;
  }

  /** Asks the source. Never rejects. */
  async refresh(): Promise<void> {
    const { nats, source, aggregate } = this.#parts;
    const task = JSON.stringify({ do: 'status', aggregate, by: 'gate' });
    try {
      const connection = await nats;
      const reply = await connection.request(backfillSubjectOf(source), task, { timeout: ANSWER_MS });
      this.#hear(reply.json<BackfillAnswer>());
    } catch {
      // Nobody of the source is there, or not in time.
    }
  }

  standing(): BackfillStanding {
    const { source, aggregate, declared } = this.#parts;
    return {
      of: `${source}/${aggregate}`,
      state: this.#state(),
      ...(declared === undefined ? {} : { declared }),
      isFromFirst: this.#isFromFirst(),
    };
  }

  #hear(answer: BackfillAnswer): void {
    if ('result' in answer) this.#heard = answer.result;
    else if (answer.error.code === 'BANYAN_BACKFILL_REFUSED') this.#heard = 'none';
  }

  #state(): BackfillStanding['state'] {
    const heard = this.#heard;
    if (typeof heard === 'string') return heard;
    if (heard.state !== 'done') return heard.state;
    const sources = this.#parts.progress().map(({ source, positions }) => {
      return { source, positions: positions.map(({ epoch, n }) => ({ epoch, n })) };
    });
    return hasApplied(heard, sources) ? 'done' : 'applying';
  }

  /** Subscribers begin at the source's first position and step over nothing; a later epoch is another history. */
  #isFromFirst(): boolean {
    const { progress, source } = this.#parts;
    const own = progress().filter((each) => each.source === source || isShard(each.source, source));
    const first = own.filter(
      ({ epoch = 1, positions }) =>
        epoch === 1 && positions.length > 0 && positions.every((position) => position.epoch <= 1),
    );
    return own.length > 0 && first.length === own.length;
  }
}

/** `projects-1` of `projects`. */
function isShard(name: string, source: string): boolean {
  return name.startsWith(`${source}-`) && /^\d+$/.test(name.slice(source.length + 1));
}
