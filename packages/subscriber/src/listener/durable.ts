import { streamOf } from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';
import {
  AckPolicy,
  DeliverPolicy,
  jetstreamManager,
  JetStreamApiError,
  type ConsumerConfig,
  type ConsumerInfo,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { isShardOf } from '../handler-table.js';
import type { ListenerOptions } from './options.js';

/** Where the broker keeps the word `startAt` of a consumer: its delivery policy may be another after a loss. */
const START_AT = 'banyan-start-at';

const CONSUMER_NOT_FOUND = 10014;
const STREAM_NOT_FOUND = 10059;

/** The consumer as the broker has it now. */
export interface Durable {
  info: ConsumerInfo;
  /** It was made just now: nothing of it was handled before. */
  isNew: boolean;
}

/** The durable consumer of a listener in one source's stream. */
export class DurableConsumer {
  readonly name: string;
  readonly stream: string;
  readonly #options: ListenerOptions;
  readonly #source: string;

  constructor(source: string, options: ListenerOptions) {
    this.name = `banyan-listener-${options.name}`;
    this.stream = streamOf(source);
    this.#source = source;
    this.#options = options;
  }

  /**
   * Finds the consumer, or makes it; what may be changed in place is.
   * @param fromBeginning make it so that it sends all that the stream holds, whatever `startAt` says
   * @returns undefined while there is no stream
   * @throws BanyanError BANYAN_LISTENER_CONFLICT
   */
  async ensure(fromBeginning: boolean): Promise<Durable | undefined> {
    const manager = await jetstreamManager(this.#options.nats);
    try {
      const info = await this.#find(manager);
      if (info !== undefined) return { info: await this.#adopt(manager, info), isNew: false };
      return { info: await manager.consumers.add(this.stream, this.#config(fromBeginning)), isNew: true };
    } catch (error) {
      if (codeOf(error) === STREAM_NOT_FOUND) return undefined;
      throw error;
    }
  }

  /** Events that were sent and are not acknowledged. */
  async pending(): Promise<number> {
    const manager = await jetstreamManager(this.#options.nats);
    return (await manager.consumers.info(this.stream, this.name)).num_ack_pending;
  }

  async #find(manager: JetStreamManager): Promise<ConsumerInfo | undefined> {
    try {
      return await manager.consumers.info(this.stream, this.name);
    } catch (error) {
      if (codeOf(error) === CONSUMER_NOT_FOUND) return undefined;
      throw error;
    }
  }

  async #adopt(manager: JetStreamManager, found: ConsumerInfo): Promise<ConsumerInfo> {
    const differences = this.#differences(found.config);
    if (differences.length > 0) throw this.#conflict(differences);
    const { config } = found;
    const change = this.#changeable;
    const same =
      config.ack_wait === change.ack_wait &&
      config.max_ack_pending === change.max_ack_pending &&
      filtersOf(config).join() === change.filter_subjects.join();
    if (same) return found;
    this.#options.logger.info('the listener’s consumer gets other settings', { consumer: this.name });
    return manager.consumers.update(this.stream, this.name, change);
  }

  /** What cannot be changed in place, or what somebody else must have set. */
  #differences({
    ack_policy,
    deliver_subject,
    max_deliver,
    inactive_threshold,
    metadata,
  }: ConsumerConfig): string[] {
    const { startAt } = this.#options;
    const started = metadata?.[START_AT];
    const checks: [wrong: boolean, what: string][] = [
      [ack_policy !== AckPolicy.Explicit, `ack policy ${ack_policy}, not explicit`],
      [deliver_subject !== undefined, `it pushes to ${deliver_subject ?? ''}, and is to be pulled from`],
      [(max_deliver ?? -1) > 0, `max deliver ${max_deliver ?? ''}, which gives up by itself`],
      [(inactive_threshold ?? 0) > 0, `an inactive threshold, after which events would be lost`],
      [started !== startAt, `it began at ${started ?? 'nobody knows where'}, and startAt is ${startAt}`],
    ];
    return checks.filter(([wrong]) => wrong).map(([, what]) => what);
  }

  get #filters(): string[] {
    const wanted = this.#options.handlers.filter(({ source }) => isShardOf(this.#source, source));
    const subjects = wanted.map(({ aggregate, type }) => `evt.${this.#source}.${aggregate}.${type}.*`);
    return [...new Set(subjects)].sort();
  }

  /** What may differ from one release of the listener to the next. */
  get #changeable(): { ack_wait: number; max_ack_pending: number; filter_subjects: string[] } {
    const { ackWaitMs, maxUnhandled } = this.#options;
    return { ack_wait: nanos(ackWaitMs), max_ack_pending: maxUnhandled, filter_subjects: this.#filters };
  }

  #config(fromBeginning: boolean): Partial<ConsumerConfig> {
    const { startAt } = this.#options;
    const all = fromBeginning || startAt === 'beginning';
    return {
      ...this.#changeable,
      durable_name: this.name,
      description: 'a Banyan listener',
      ack_policy: AckPolicy.Explicit,
      deliver_policy: all ? DeliverPolicy.All : DeliverPolicy.New,
      max_deliver: -1,
      metadata: { [START_AT]: startAt },
    };
  }

  #conflict(differences: readonly string[]): BanyanError {
    const what = `consumer ${this.name} of stream ${this.stream} exists with other settings: ${differences.join('; ')}`;
    const remedy = `Give the listener another name, or begin anew: \`nats consumer rm ${this.stream} ${this.name}\`.`;
    return new BanyanError('BANYAN_LISTENER_CONFLICT', what, { remedy });
  }
}

function filtersOf({ filter_subject: one, filter_subjects: several }: ConsumerConfig): string[] {
  return [...(several ?? []), ...(one === undefined || one === '' ? [] : [one])].sort();
}

function codeOf(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}
