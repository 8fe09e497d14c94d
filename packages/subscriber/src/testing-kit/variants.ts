import type { IncomingEvent } from '../incoming-event.js';

/**
 * - deliver: one transaction, if nothing fails
 * - crash: the same, but the connection is lost when all is applied and nothing committed
 * - restart: the process begins anew: new connections, new handlers
 */
export type Step =
  | { readonly does: 'deliver' | 'crash'; readonly events: readonly IncomingEvent[] }
  | { readonly does: 'restart' };

/** One way in which the same events may come. */
export interface Variant {
  readonly name: string;
  readonly steps: readonly Step[];
}

const deliver = (...events: IncomingEvent[]): Step => ({ does: 'deliver', events });
const crash = (...events: IncomingEvent[]): Step => ({ does: 'crash', events });
const restart: Step = { does: 'restart' };

/** All ways in which a subscriber may meet these events. Each has to end in the same rows. */
export function variantsOf(events: readonly IncomingEvent[]): Variant[] {
  return [
    { name: 'one batch', steps: [deliver(...events)] },
    { name: 'one by one', steps: events.map((event) => deliver(event)) },
    { name: 'batches of two', steps: batchesOf(2, events) },
    { name: 'batches of three', steps: batchesOf(3, events) },
    {
      name: 'every event twice',
      steps: [...events.map((event) => deliver(event, event)), deliver(...events)],
    },
    {
      name: 'a restart after each event, and all sent again',
      steps: events.flatMap((_, i) => [deliver(...events.slice(0, i + 1)), restart]),
    },
    {
      name: 'a crash between applying and committing each event',
      steps: events.flatMap((event) => [crash(event), restart, deliver(event)]),
    },
    {
      name: 'a crash between applying and committing all of them',
      steps: [crash(...events), restart, deliver(...events)],
    },
    ...gapFilledLater(events),
  ];
}

function batchesOf(size: number, events: readonly IncomingEvent[]): Step[] {
  const batches: Step[] = [];
  for (let i = 0; i < events.length; i += size) batches.push(deliver(...events.slice(i, i + size)));
  return batches;
}

/** Of each event that another one of its partition follows: it is missing at first. */
function gapFilledLater(events: readonly IncomingEvent[]): Variant[] {
  const steps = events.flatMap((missing, i) => {
    const followed = events.slice(i + 1).some((later) => isNext(missing, later));
    return followed ? [deliver(...events.filter((event) => event !== missing).slice(i))] : [deliver(missing)];
  });
  const hasGap = events.some((missing) => events.some((later) => isNext(missing, later)));
  return hasGap ? [{ name: 'gaps that are filled later', steps: [...steps, deliver(...events)] }] : [];
}

const isNext = (missing: IncomingEvent, later: IncomingEvent): boolean =>
  missing.source === later.source && missing.partition === later.partition && later.prevN === missing.n;
