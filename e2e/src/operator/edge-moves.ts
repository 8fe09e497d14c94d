import { parseEdge, StageStore } from '@banyan/control';
import { run } from '@banyan/playbook';
import { wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/transport-node';

/** Where an edge stands, by its record; undefined: nobody has moved it yet. */
export async function stageOf(nats: NatsConnection, edge: string): Promise<string | undefined> {
  const store = await StageStore.open(nats);
  return (await store.read(parseEdge(edge)))?.record?.stage;
}

/** How an operator moves an edge. */
export interface EdgeMove {
  nats: NatsConnection;
  natsUrl: string;
  edge: string;
  to: string;
}

const PATIENCE_MS = 60_000;

/**
 * Moves an edge as a script does, and again while its processes are too busy to be heard of in time.
 *
 * @param args the command and its flags
 * @throws Error with what the command said if the edge is not there in a minute
 */
export async function moveEdge({ nats, natsUrl, edge, to }: EdgeMove, ...args: string[]): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS;
  const out: string[] = [];
  const say = (line: string): void => void out.push(line);
  const terminal = { out: say, err: say, confirm: undefined };
  const env = { ...process.env, NATS_URL: natsUrl };
  while ((await stageOf(nats, edge)) !== to) {
    if (performance.now() > untilMs) throw new Error(`${edge} is not at ${to}: ${out.join('\n')}`);
    await run([...args, edge, '--to', to, '--yes', '--json'], { terminal, env, folder: '/' });
    await wait(50);
  }
}
