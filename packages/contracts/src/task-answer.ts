/** What a process answers to a task that it was given over NATS. */
export type TaskAnswer<Result> =
  { result: Result } | { error: { code: string; message: string; remedy: string } };
