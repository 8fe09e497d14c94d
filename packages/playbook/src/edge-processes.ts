import { decodeEdgeFound, edgeFindSubjectOf, type EdgeFound, type EdgeTask } from '@banyan/control';
import type { NatsConnection } from '@nats-io/nats-core';
import { askAll, giveTo } from './ask.js';
import { NotYet } from './not-yet.js';

const FIND_MS = 500;

/** The processes that have an edge now, each with where it takes tasks. @throws NotYet if there is none */
export async function processesOf(connection: NatsConnection, edge: string): Promise<EdgeFound[]> {
  const answers = await askAll(connection, edgeFindSubjectOf(edge), FIND_MS);
  const found = answers.map(decodeEdgeFound).filter((each) => each !== undefined);
  if (found.length === 0)
    throw new NotYet(`no process that has ${edge} answers`, 'Start the calling service, or ask again.');
  return found.sort((a, b) => a.instance.localeCompare(b.instance));
}

/** Gives one process a task. Undefined: it has gone. @throws BanyanError as the process threw it */
export function giveEdge<Result>(
  connection: NatsConnection,
  { at }: EdgeFound,
  task: EdgeTask,
): Promise<Result | undefined> {
  return giveTo<Result>(connection, at, task);
}
