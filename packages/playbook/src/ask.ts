import { BanyanError, ERROR_CODES, unlessStalled, type ErrorCode } from '@banyan/runtime';
import type { TaskAnswer } from '@banyan/contracts';
import { NoRespondersError, RequestError, TimeoutError, type NatsConnection } from '@nats-io/nats-core';

/** How long one process may take to answer, in ms. */
const ANSWER_MS = 10_000;

/**
 * Gives one of the processes that listen on a subject a task.
 * @returns undefined if nobody listens
 * @throws BanyanError as the process threw it
 */
export async function giveTo<Result>(
  connection: NatsConnection,
  subject: string,
  task: object,
): Promise<Result | undefined> {
  try {
    const reply = await connection.request(subject, JSON.stringify(task), { timeout: ANSWER_MS });
    const answer = reply.json<TaskAnswer<Result>>();
    if ('result' in answer) return answer.result;
    throw errorOf(answer.error);
  } catch (error) {
    if (isNobody(error)) return undefined;
    throw error;
  }
}

/** What everybody on a subject answers to an empty request within so many ms. */
export function askAll(connection: NatsConnection, subject: string, maxWait: number): Promise<string[]> {
  return unlessStalled(maxWait, () => askOnce(connection, subject, maxWait));
}

async function askOnce(connection: NatsConnection, subject: string, maxWait: number): Promise<string[]> {
  const answers: string[] = [];
  try {
    for await (const answer of await connection.requestMany(subject, '', { maxWait })) {
      answers.push(answer.string());
    }
  } catch (error) {
    if (!isNobody(error)) throw error;
  }
  return answers;
}

function isNobody(error: unknown): boolean {
  const none = error instanceof NoRespondersError || error instanceof TimeoutError;
  return none || (error instanceof RequestError && error.isNoResponders());
}

/** A code that this version does not know is kept in the message. */
export function errorOf({
  code,
  message,
  remedy,
}: {
  code: string;
  message: string;
  remedy: string;
}): BanyanError {
  if (isCode(code)) return new BanyanError(code, message, { remedy });
  return new BanyanError('BANYAN_TASK_REFUSED', `${code}: ${message}`, remedy === '' ? {} : { remedy });
}

const isCode = (code: string): code is ErrorCode => code in ERROR_CODES;
