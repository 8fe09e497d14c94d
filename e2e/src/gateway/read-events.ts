/** What was read of a stream of server-sent events. */
export interface EventsRead {
  /** The names of the source's events. */
  events: unknown[];
  lastId: string;
}

/** Reads a stream of server-sent events until so many of them were events of the source. */
export async function readEvents(
  url: string,
  {
    headers = {},
    meanwhile,
    count,
  }: { headers?: Record<string, string>; meanwhile?: () => Promise<void>; count: number },
): Promise<EventsRead> {
  const abort = new AbortController();
  const { body } = await fetch(url, { headers, signal: abort.signal });
  const events: unknown[] = [];
  let [lastId, text, isBegun] = ['', '', false];
  for await (const chunk of body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    const messages = text.split('\n\n');
    text = messages.pop() ?? '';
    for (const message of messages) {
      const frame = JSON.parse(/^data: (.*)$/m.exec(message)?.[1] ?? '{}') as {
        type: string;
        event?: string;
      };
      lastId = /^id: (.*)$/m.exec(message)?.[1] ?? lastId;
      if (frame.type === 'event') events.push(frame.event);
    }
    if (!isBegun) void meanwhile?.();
    isBegun = true;
    if (events.length >= count) break;
  }
  abort.abort();
  return { events, lastId };
}
