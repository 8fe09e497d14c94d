import type { NatsConnection } from '@nats-io/nats-core';
import type { Logger, OptionRule } from '@banyan/runtime';

/**
 * A process holds one NATS connection and hands it to all parts. One that must start without the broker passes the
 * promise of `connect({ waitOnFirstConnect: true, maxReconnectAttempts: -1 })` unawaited.
 */
export type Connection = NatsConnection | Promise<NatsConnection>;

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

export const connectionRule: OptionRule<Connection> = {
  must: 'a NATS connection or the promise of one',
  check: (value): value is Connection => isObject(value),
};

export function loggerRule(fallback: Logger): OptionRule<Logger> {
  return { fallback, must: 'a logger', check: (value): value is Logger => isObject(value) };
}
