import { createInbox, headers, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core';

/** As many unacknowledged messages as the relay allows itself. */
const WINDOW = 4096;

/** Headers as long as the relay's, made once: the reference does nothing per message that it could do before. */
function typicalHeaders(): MsgHdrs {
  const head = headers();
  const lines: Record<string, string> = {
    'ce-specversion': '1.0',
    'ce-id': '3d9fda40-78d7-447e-a266-238ed1b11ec0',
    'ce-source': '/bench',
    'ce-type': 'bench.ProjectRenamed',
    'ce-time': '2026-01-02T03:04:05.678901Z',
    'ce-subject': 'p123',
    'ce-partitionkey': 'project/p123',
    'content-type': 'application/protobuf',
    'Banyan-Position': '1.123456',
    'Banyan-Tick': '1',
    'Banyan-Prev': '1.123400',
    'Banyan-Version': '123',
  };
  for (const [name, value] of Object.entries(lines)) head.set(name, value);
  return head;
}

/**
 * What the broker and nats.js can do at most: publishes messages like the relay's, pipelined and chained, with no database
 * in sight. Returns messages a second.
 */
export async function publishRaw(
  nats: NatsConnection,
  source: string,
  count: number,
  bytes: number,
): Promise<number> {
  const inbox = createInbox();
  let acked = 0;
  let wake: (() => void) | undefined;
  const acks = nats.subscribe(`${inbox}.*`, {
    callback: (_error, message) => {
      if (message.json<{ seq?: number }>().seq !== undefined) acked += 1;
      wake?.();
    },
  });
  const progress = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  const head = typicalHeaders();
  const payload = Buffer.alloc(bytes, 0xab);
  const startMs = performance.now();
  for (let sent = 0; sent < count; sent++) {
    head.set('Nats-Expected-Last-Sequence', String(sent));
    const reply = `${inbox}.${sent}`;
    nats.publish(`evt.${source}.project.ProjectRenamed.${10 + (sent % 54)}`, payload, {
      headers: head,
      reply,
    });
    while (sent + 1 - acked >= WINDOW) await progress();
  }
  while (acked < count) await progress();
  acks.unsubscribe();
  return (count / (performance.now() - startMs)) * 1000;
}
