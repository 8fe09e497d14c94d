import type { AuditDifference, PositionRange } from '@banyan/contracts';
import type { ComputedStretch } from './computed-events.js';
import type { StreamedEvent, StreamedStretch } from './streamed-events.js';

/** How a stretch of the stream compares with the database. */
export interface StretchFindings {
  compared: number;
  notRetained: number;
  messages: number;
  missingInside: number;
  missingAtEnd: number;
  otherEvents: number;
  brokenLinks: number;
  /** Missing positions before the stream's end. */
  holes: PositionRange[];
  difference: AuditDifference | undefined;
}

/**
 * Compares by position.
 *
 * @param heads each partition's last position so far, as the database computes it; moves on with the stretch
 */
export function compareStretch(
  computed: ComputedStretch,
  streamed: StreamedStretch,
  heads: Map<number, number>,
): StretchFindings {
  const messages = new Map(streamed.events.map((event) => [event.n, event]));
  const found: StretchFindings = {
    compared: computed.events.length,
    notRetained: computed.toN - computed.fromN + 1 - computed.events.length,
    messages: 0,
    missingInside: 0,
    missingAtEnd: 0,
    otherEvents: 0,
    brokenLinks: 0,
    holes: [],
    difference: undefined,
  };
  for (const event of computed.events) {
    const message = messages.get(event.n);
    const differs = note(found, { n: event.n, eventId: event.eventId, message }, streamed.reachedN);
    if (differs) found.difference ??= differenceAt(computed, event, message);
    if (isBroken(message, heads.get(event.partition))) found.brokenLinks += 1;
    heads.set(event.partition, event.n);
  }
  if (found.difference !== undefined) found.difference.inStream = found.messages;
  return found;
}

interface Pair {
  n: number;
  eventId: string;
  message: StreamedEvent | undefined;
}

/** @returns true if the two differ */
function note(found: StretchFindings, { n, eventId, message }: Pair, reachedN: number): boolean {
  if (message !== undefined) {
    found.messages += 1;
    if (message.eventId === eventId) return false;
    found.otherEvents += 1;
    return true;
  }
  if (n > reachedN) {
    found.missingAtEnd += 1;
    return true;
  }
  found.missingInside += 1;
  const last = found.holes.at(-1);
  if (last?.toN === n - 1) last.toN = n;
  else found.holes.push({ fromN: n, toN: n });
  return true;
}

function isBroken(message: StreamedEvent | undefined, head: number | undefined): boolean {
  return message !== undefined && head !== undefined && message.prevN !== head;
}

function differenceAt(
  { fromN, toN, events }: ComputedStretch,
  event: { n: number; eventId: string },
  message: StreamedEvent | undefined,
): AuditDifference {
  const first = { n: event.n, database: event.eventId };
  return {
    fromN,
    toN,
    inStream: 0,
    inDatabase: events.length,
    first: message === undefined ? first : { ...first, stream: message.eventId },
  };
}
