import { relayFindSubjectOf, type RelayFound, type RelayTask, type RelayTaskAnswer } from '@banyan/contracts';
import { BanyanError, isBanyanError, messageOf, wait, type Logger } from '@banyan/runtime';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Msg } from '@nats-io/nats-core';
import { auditRecorded } from '../audit/recorded-audit.js';
import { newEpoch } from '../history/new-epoch.js';
import { connectOnce } from '../nats-connection.js';
import { Session } from '../session.js';
import { readSource } from '../source-record.js';
import { capturedTables, setCapture } from './capture.js';
import { readTask } from './read-task.js';
import { repair } from './repair.js';

/** How long a database may take to say who it is, in ms; the one who asks waits a little longer. */
const IDENTITY_MS = 700;

/** Whoever gave a task hears of it this often, in ms. */
const PROGRESS_MS = 1000;

export interface OperatorServiceOptions {
  source: string;
  databaseUrl: string;
  natsUrl: string;
  shard: number;
  operatorTasks: boolean;
  logger: Logger;
}

interface RelayState {
  state: string;
  because: string | undefined;
}

type Progress = Extract<RelayTaskAnswer, { progress: unknown }>['progress'];

/**
 * Does what operators ask of a relay over NATS, so that they need no way to its database: audits, repairs, epochs, capture.
 * A relay that refuses to publish answers as well: that is when it is needed. Every task has connections of its own, and a
 * relay does one at a time.
 */
export class OperatorService {
  readonly #options: OperatorServiceOptions;
  readonly #relay: string;
  readonly #status: () => RelayState;
  readonly #at: string;
  readonly #abort = new AbortController();
  #nats: Promise<NatsConnection> | undefined;
  #doing: Promise<void> | undefined;

  /** @param relay its name, for people */
  constructor(options: OperatorServiceOptions, relay: string, status: () => RelayState) {
    this.#options = options;
    this.#relay = relay;
    this.#status = status;
    this.#at = `banyan.relay.task.${options.source}.${crypto.randomUUID()}`;
  }

  start(): void {
    const { source, natsUrl, operatorTasks, logger } = this.#options;
    if (!operatorTasks || this.#nats !== undefined || this.#abort.signal.aborted) return;
    this.#nats = connect({
      servers: natsUrl.split(','),
      name: `banyan-relay ${source} tasks`,
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
    });
    this.#nats.then(
      (nats) => this.#listen(nats),
      (error: unknown) => logger.warn('operators are not answered', { source, error: messageOf(error) }),
    );
  }

  /** Ends an audit that is under way; a decision is carried through. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#doing;
    // Not awaited: while NATS is away it has not connected yet.
    this.#nats?.then((nats) => nats.close()).catch(() => undefined);
  }

  #listen(nats: NatsConnection): void {
    nats.subscribe(relayFindSubjectOf(this.#options.source), {
      callback: (error, message) => {
        if (error === null) void this.#introduce(message);
      },
    });
    nats.subscribe(this.#at, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
      },
    });
  }

  async #introduce(message: Msg): Promise<void> {
    const database = await Promise.race([this.#database(), wait(IDENTITY_MS).then(() => undefined)]);
    const { state, because } = this.#status();
    const found: RelayFound = {
      ...{ at: this.#at, relay: this.#relay, state },
      ...(because === undefined ? {} : { because }),
      ...(database === undefined ? {} : { database }),
    };
    if (!this.#abort.signal.aborted) message.respond(JSON.stringify(found));
  }

  /** Which database this is; undefined if it does not say. */
  async #database(): Promise<string | undefined> {
    try {
      return await this.#withSession(async ({ client }) => {
        const { systemIdentifier, timeline, instance } = (await readSource(client, this.#options.source))
          .identity;
        return `${systemIdentifier}/${timeline}/${instance}`;
      });
    } catch {
      return undefined;
    }
  }

  #take(message: Msg): void {
    if (this.#doing !== undefined || this.#abort.signal.aborted) {
      const what = this.#doing === undefined ? 'it is stopping' : 'it is at work on another task';
      answer(message, errorOf(new BanyanError('BANYAN_TASK_REFUSED', `${this.#relay}: ${what}`)));
      return;
    }
    this.#doing = this.#do(message).finally(() => (this.#doing = undefined));
  }

  async #do(message: Msg): Promise<void> {
    const { source, logger } = this.#options;
    let progress: Progress = { done: 0, of: 0 };
    const timer = setInterval(() => answer(message, { progress }), PROGRESS_MS);
    try {
      const task = readTask(message.string());
      logger.info('a task from an operator', { source, task });
      answer(message, { result: await this.#run(task, (now) => (progress = now)) });
    } catch (error) {
      logger.warn('a task was not done', { source, error: messageOf(error) });
      answer(message, errorOf(error));
    } finally {
      clearInterval(timer);
    }
  }

  #run(task: RelayTask, onProgress: (progress: Progress) => void): Promise<unknown> {
    const { source, databaseUrl, natsUrl } = this.#options;
    const running = { source, signal: this.#abort.signal, onProgress };
    switch (task.do) {
      case 'audit':
        return this.#withBoth(({ client }, nats) => auditRecorded({ client, nats }, running));
      case 'repair':
        return this.#withBoth((session, nats) => repair(session, nats, { ...running, apply: task.apply }));
      case 'new-epoch':
        return newEpoch({ source, databaseUrl, natsUrl, ...task });
      case 'capture':
        return this.#withSession(({ client }) => setCapture(client, task));
      case 'captured':
        return this.#withSession(({ client }) => capturedTables(client));
    }
  }

  async #withSession<T>(use: (session: Session) => Promise<T>): Promise<T> {
    const { source, databaseUrl, shard, logger } = this.#options;
    const session = await Session.open(databaseUrl, `banyan-relay ${source} task`, { shard, logger });
    try {
      return await use(session);
    } finally {
      await session.close();
    }
  }

  #withBoth<T>(use: (session: Session, nats: NatsConnection) => Promise<T>): Promise<T> {
    return this.#withSession(async (session) => {
      const nats = await connectOnce(this.#options.natsUrl, `banyan-relay ${this.#options.source} task`);
      try {
        return await use(session, nats);
      } finally {
        await nats.close();
      }
    });
  }
}

function answer(message: Msg, what: RelayTaskAnswer): void {
  message.respond(JSON.stringify(what));
}

function errorOf(error: unknown): RelayTaskAnswer {
  if (!isBanyanError(error)) return { error: { code: 'UNEXPECTED', message: messageOf(error), remedy: '' } };
  return { error: { code: error.code, message: error.rawMessage, remedy: error.remedy } };
}
