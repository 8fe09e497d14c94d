import { formatPosition, partitionOf, subjectOf, type Fact } from '@banyan/contracts';
import { headers } from '@nats-io/nats-core';
import { readEvent, type IncomingEvent } from '../incoming-event.js';

/** Gives facts the positions and headers that a relay would, source by source. */
export function storyOf(facts: readonly Fact[]): IncomingEvent[] {
  const sources = new Map<string, SourceStory>();
  return facts.map((fact) => {
    const story = sources.get(fact.event.source) ?? new SourceStory();
    sources.set(fact.event.source, story);
    return story.next(fact);
  });
}

class SourceStory {
  readonly #heads = new Map<number, number>();
  #n = 0;

  next({ event, data }: Fact): IncomingEvent {
    const { source, aggregate, type } = event;
    const key = event.keyOf(data);
    const partition = partitionOf(aggregate, key);
    const n = (this.#n += 1);
    const head = headers();
    head.set('ce-id', `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`);
    head.set('ce-subject', encodeURIComponent(key));
    head.set('ce-time', new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString());
    head.set('Banyan-Position', formatPosition(1, n));
    head.set('Banyan-Prev', formatPosition(1, this.#heads.get(partition) ?? 0));
    head.set('Banyan-Version', String(event.versionOf(data)));
    this.#heads.set(partition, n);
    const subject = subjectOf(source, { aggregate, type, partition });
    return readEvent({ subject, seq: n, data: event.encode(data), headers: head });
  }
}
