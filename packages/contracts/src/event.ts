import { BanyanError, messageOf } from '@banyan/runtime';

/** Encodes and decodes one protobuf message type; what ts-proto generates for each message has this shape. */
export interface MessageCodec<T> {
  encode: (message: T) => { finish: () => Uint8Array };
  decode: (input: Uint8Array) => T;
}

/**
 * What is known of an event type: who publishes it, about which kind of aggregate, how it travels. Generated into the
 * registry from the `(banyan.v1.event)` option of its message.
 */
export interface EventDefinition<T = unknown> {
  /** The service that publishes it, e.g. `projects`. */
  readonly source: string;
  /** The kind of aggregate it is about, e.g. `project`. */
  readonly aggregate: string;
  /** The message's short name, unique within the source, e.g. `ProjectRenamed`. */
  readonly type: string;
  encode(data: T): Uint8Array;
  /** @throws BanyanError BANYAN_EVENT_UNREADABLE */
  decode(payload: Uint8Array): T;
  /** The aggregate's id. Throws if the message lacks it. */
  keyOf(data: T): string;
  /** The aggregate's version after the event. Throws if the message lacks it. */
  versionOf(data: T): number;
}

export interface EventSpec<T> {
  source: string;
  aggregate: string;
  type: string;
  codec: MessageCodec<T>;
  key: (data: T) => string | undefined;
  version: (data: T) => number | undefined;
}

/** Builds the definition of one event type. Called by generated code; tests may call it for events of their own. */
export function defineEvent<T>(spec: EventSpec<T>): EventDefinition<T> {
  const { source, aggregate, type, codec } = spec;
  return {
    source,
    aggregate,
    type,
    encode: (data) => codec.encode(data).finish(),
    decode: (payload) => decoded(spec, payload),
    keyOf: (data) => required(type, 'aggregate id', spec.key(data)),
    versionOf: (data) => required(type, 'aggregate version', spec.version(data)),
  };
}

/** Something that happened: an event type and its data, ready to be emitted. What pure rules return. */
export interface Fact {
  readonly event: EventDefinition;
  readonly data: unknown;
}

/** What a rule decided: the aggregate's state after it, and what happened, if anything did. */
export interface Change<State> {
  readonly state: State;
  /** Undefined: nothing changed, the version included. */
  readonly fact: Fact | undefined;
}

/** Pairs an event type with data of its own type. */
export function factOf<T>(event: EventDefinition<T>, data: T): Fact {
  return { event, data };
}

function decoded<T>({ type, codec }: EventSpec<T>, payload: Uint8Array): T {
  try {
    return codec.decode(payload);
  } catch (error) {
    throw new BanyanError(
      'BANYAN_EVENT_UNREADABLE',
      `${payload.length} bytes cannot be decoded as ${type}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function required<V extends string | number>(type: string, what: string, value: V | undefined): V {
  if (value !== undefined && value !== '' && value !== 0) return value;
  throw new BanyanError(
    'BANYAN_EVENT_INVALID',
    `event ${type} has no ${what} (seen: ${JSON.stringify(value)})`,
  );
}
