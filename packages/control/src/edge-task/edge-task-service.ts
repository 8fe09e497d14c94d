import { randomUUID } from 'node:crypto';
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { BanyanError, messageOf, type Logger } from '@banyan/runtime';
import { parseEdge } from '../edge-name.js';
import type { ProcessReport } from '../report.js';
import {
  decodeEdgeTask,
  edgeFindSubjectOf,
  type EdgeFound,
  type EdgeTask,
  type EdgeTaskAnswer,
  type EdgeTaskResult,
} from './edge-task.js';

/** An edge that takes tasks of operators. */
export interface EdgePerforming {
  /** @throws BanyanError, which the operator is told */
  perform: (task: EdgeTask) => Promise<EdgeTaskResult>;
}

export interface EdgeTaskParts {
  edge: string;
  performer: EdgePerforming;
  process: Pick<ProcessReport, 'service' | 'instance' | 'pid'>;
  logger: Logger;
}

/** Takes operators' tasks for one edge of this process: says where, and answers each when it is done. */
export class EdgeTaskService {
  readonly #parts: EdgeTaskParts;
  readonly #at: string;
  readonly #subscriptions: Subscription[] = [];

  constructor(parts: EdgeTaskParts) {
    this.#parts = parts;
    this.#at = `banyan.edge.task.${parseEdge(parts.edge).key}.${randomUUID().slice(0, 8)}`;
  }

  start(connection: NatsConnection): void {
    const { edge, process } = this.#parts;
    const found: EdgeFound = { at: this.#at, ...process };
    this.#subscriptions.push(
      connection.subscribe(edgeFindSubjectOf(edge), {
        callback: (_error, message) => answer(message, found),
      }),
      connection.subscribe(this.#at, {
        callback: (error, message) => {
          if (error === null) void this.#perform(message);
        },
      }),
    );
  }

  stop(): void {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
  }

  async #perform(message: Msg): Promise<void> {
    answer(message, await this.#answerTo(message.string()));
  }

  async #answerTo(data: string): Promise<EdgeTaskAnswer> {
    try {
      const task = decodeEdgeTask(data);
      if (task === undefined)
        throw new BanyanError('BANYAN_TASK_REFUSED', `${data.slice(0, 200)} is no task of an edge`);
      return { result: await this.#parts.performer.perform(task) };
    } catch (error) {
      if (error instanceof BanyanError) {
        return { error: { code: error.code, message: error.rawMessage, remedy: error.remedy } };
      }
      this.#parts.logger.error('a task of an edge failed', {
        edge: this.#parts.edge,
        error: messageOf(error),
      });
      return { error: { code: 'UNEXPECTED', message: messageOf(error), remedy: '' } };
    }
  }
}

/** A connection that has gone cannot be answered on; who asked learns it by waiting in vain. */
function answer(message: Msg, value: EdgeFound | EdgeTaskAnswer): void {
  try {
    message.respond(JSON.stringify(value));
  } catch {
    return;
  }
}
