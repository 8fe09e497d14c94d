/** One server-sent event. */
export interface LiveEvent {
  type: string;
  data: unknown;
}

/** A reader of server-sent events. */
export interface LiveEvents {
  /** Waits for the first event from here on that is meant; what comes before it is gone. */
  next: (isMeant: (event: LiveEvent) => boolean) => Promise<LiveEvent>;
  close: () => void;
}

/** Follows a stream of server-sent events, as a program with a token does. */
export function liveEvents(url: string, token: string): LiveEvents {
  const abort = new AbortController();
  const events = read(url, token, abort.signal);
  const next = async (isMeant: (event: LiveEvent) => boolean): Promise<LiveEvent> => {
    for (;;) {
      const { value, done } = await events.next();
      if (done === true) throw new Error('the stream has ended');
      if (isMeant(value)) return value;
    }
  };
  return { next, close: () => abort.abort() };
}

async function* read(url: string, token: string, signal: AbortSignal): AsyncGenerator<LiveEvent, void> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal });
  if (response.body === null || !response.ok) throw new Error(`${url} answered ${response.status}`);
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const event = eventOf(part);
      if (event !== undefined) yield event;
    }
  }
}

function eventOf(part: string): LiveEvent | undefined {
  const type = /^event: (.*)$/m.exec(part)?.[1];
  const data = /^data: (.*)$/m.exec(part)?.[1];
  return type === undefined || data === undefined ? undefined : { type, data: JSON.parse(data) as unknown };
}
