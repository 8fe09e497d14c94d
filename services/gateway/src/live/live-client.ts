import { isBanyanError, messageOf, type Logger } from '@banyan/runtime';
import { readFrame, type ClientFrame, type RefetchReason, type SubscribeFrame } from './frames.js';
import type { LiveEvent } from './live-event.js';
import type { LiveOptions } from './live-options.js';
import { readPlace, writePlace, type Place } from './place.js';
import { parseResource, relationOf, type Relation, type Resource } from './resource.js';
import { CLOSE, type Sink } from './sink.js';
import type { SourceFeed } from './source-feed.js';
import { Subscription, type SubscriptionState } from './subscription.js';
import type { WatchIndex } from './watch-index.js';

/** Events that are looked through before it is asked again whether the client keeps up. */
const STEP_EVENTS = 200;
/** What many clients are told in the same moment. */
const MANY_AT_ONCE: ReadonlySet<RefetchReason> = new Set<RefetchReason>(['gone', 'reset']);
/** When many have to read anew at the same moment they are asked to spread it over so long, in ms. */
const SPREAD_MS = 1000;

export interface LiveClientParts {
  sink: Sink;
  /** Who it is, as `authenticate` said. */
  who: string;
  feedOf: (source: string) => SourceFeed | undefined;
  index: WatchIndex<LiveClient>;
  options: LiveOptions;
  logger: Logger;
}

interface Admitted {
  resource: Resource;
  feed: SourceFeed;
  state: SubscriptionState;
}

interface Refusal {
  code: string;
  detail: string;
}

/**
 * One client. What it has not been sent yet stays in the feeds' rings, which all share: a client that reads slowly costs its
 * own buffer, at most `maxBufferedBytes` and one frame, and its place. When the ring has moved on, it is told to read anew.
 */
export class LiveClient {
  readonly #parts: LiveClientParts;
  readonly #subscriptions = new Map<string, Subscription>();
  #heardMs = performance.now();
  /** Ends with the last frame that came. */
  #line: Promise<void> = Promise.resolve();
  #frames = { sinceMs: 0, count: 0 };

  constructor(parts: LiveClientParts) {
    this.#parts = parts;
    parts.sink.onDrain(() => this.#onDrain());
  }

  /** When it was last heard of, by the monotonic clock. */
  get heardMs(): number {
    return this.#heardMs;
  }

  get isChoked(): boolean {
    return this.#parts.sink.bufferedBytes > this.#parts.options.maxBufferedBytes;
  }

  /** Takes a frame that it sent. Frames are obeyed one after the other. */
  receive(text: string): void {
    this.#heardMs = performance.now();
    if (this.#isTooFast()) {
      this.#parts.sink.close(CLOSE.policy, 'too many frames');
      return;
    }
    const frame = readFrame(text);
    if (frame === undefined) this.#refuse(undefined, 'FRAME_INVALID', 'that is no frame; see docs/live.md');
    else if (frame.type !== 'pong') this.#line = this.#line.then(() => this.#obey(frame));
  }

  async subscribe(given: Omit<SubscribeFrame, 'type'>): Promise<void> {
    const { id } = given;
    const admitted = await this.#admit(given);
    if ('code' in admitted) {
      this.#refuse(id, admitted.code, admitted.detail);
      return;
    }
    this.unsubscribe(id);
    const subscription = new Subscription({ id, ...admitted }, admitted.state);
    this.#subscriptions.set(id, subscription);
    this.#parts.index.add(subscription, this);
    void this.#catchUp(subscription);
  }

  unsubscribe(id: string): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return;
    this.#subscriptions.delete(id);
    this.#parts.index.remove(subscription);
  }

  /** An event has come that is something to some of its subscriptions. */
  deliver(event: LiveEvent, relations: ReadonlyMap<Subscription, Relation>): void {
    const live = [...relations].filter(([{ state }]) => state.is === 'live');
    if (live.length === 0) return;
    if (!this.isChoked) this.#tell(event, live);
    else
      for (const [subscription] of live)
        subscription.state = { is: 'behind', at: { epoch: event.epoch, n: event.n - 1 } };
  }

  /** A source was begun anew. @param before where it stood; what came after that is read again, if it is still there */
  restart(subscription: Subscription, before: Place | undefined): void {
    if (subscription.state.is === 'live')
      subscription.state = before ? { is: 'behind', at: before } : { is: 'lost', because: 'reset' };
    void this.#catchUp(subscription);
  }

  /** Tells how far it is, unless it is still being brought there. */
  tellPosition(frame: string): void {
    const isLive = [...this.#subscriptions.values()].every(({ state }) => state.is === 'live');
    if (isLive) this.say(frame);
  }

  /** Sends what may as well be missed. */
  say(frame: string): void {
    if (!this.isChoked) this.#send(frame);
  }

  close(code: number, reason: string): void {
    this.#parts.sink.close(code, reason);
  }

  destroy(): void {
    this.#parts.sink.destroy();
  }

  /** It is gone. */
  leave(): void {
    for (const id of [...this.#subscriptions.keys()]) this.unsubscribe(id);
  }

  /** What a subscription is to begin with, or why there is to be none. */
  async #admit({ id, resource: wanted, from }: Omit<SubscribeFrame, 'type'>): Promise<Admitted | Refusal> {
    const { who, options, feedOf } = this.#parts;
    const resource = parseResource(wanted);
    const feed = resource && feedOf(resource.source);
    if (resource === undefined || feed === undefined)
      return { code: 'RESOURCE_UNKNOWN', detail: `there is no resource ${JSON.stringify(wanted)}` };
    if (!this.#subscriptions.has(id) && this.#subscriptions.size >= options.maxSubscriptions)
      return { code: 'TOO_MANY_SUBSCRIPTIONS', detail: `a client may have ${options.maxSubscriptions}` };
    const place = placeOf(from);
    if (place === 'invalid')
      return { code: 'BANYAN_POSITION_INVALID', detail: `${JSON.stringify(from)} is no position` };
    if (!(await options.mayWatch({ who, resource: wanted })))
      return { code: 'NOT_ALLOWED', detail: `${who} may not watch ${wanted}` };
    const state: SubscriptionState =
      place === undefined ? { is: 'lost', because: 'new' } : { is: 'behind', at: place };
    return { resource, feed, state };
  }

  async #obey(frame: ClientFrame): Promise<void> {
    try {
      if (frame.type === 'subscribe') await this.subscribe(frame);
      else if (frame.type === 'unsubscribe') this.unsubscribe(frame.id);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What nobody expected: it comes back, and begins anew. */
  #fail(error: unknown): void {
    this.#parts.logger.error('a client cannot be served', { error: messageOf(error) });
    this.destroy();
  }

  /** Brings a subscription from behind to live, as far as the client keeps up; goes on when it has drained. */
  async #catchUp(subscription: Subscription): Promise<void> {
    if (subscription.isCatchingUp) return;
    subscription.isCatchingUp = true;
    try {
      await subscription.feed.untilBegun();
      while (this.#has(subscription) && !this.isChoked && subscription.state.is !== 'live')
        await this.#step(subscription);
    } catch (error) {
      this.#fail(error);
    } finally {
      subscription.isCatchingUp = false;
    }
  }

  async #step(subscription: Subscription): Promise<void> {
    const { state, feed } = subscription;
    if (state.is === 'lost') this.#refetch(subscription, state.because);
    if (state.is !== 'behind') return;
    const events = feed.after(state.at, STEP_EVENTS);
    if (events !== undefined) this.#advance(subscription, events);
    else if (!(await feed.reach(state.at))) subscription.state = { is: 'lost', because: 'gone' };
  }

  /** Sends the events that it is behind by, up to where the client does not keep up. */
  #advance(subscription: Subscription, events: readonly LiveEvent[]): void {
    for (const event of events) {
      if (this.isChoked) return;
      const relation = relationOf(subscription.resource, event);
      subscription.state = { is: 'behind', at: { epoch: event.epoch, n: event.n } };
      if (relation !== 'unrelated') this.#tell(event, [[subscription, relation]]);
    }
    if (events.length < STEP_EVENTS && subscription.state.is === 'behind') {
      subscription.state = { is: 'live' };
      this.#send(JSON.stringify({ type: 'subscribed', ...this.#whereIs(subscription) }));
    }
  }

  #tell(event: LiveEvent, relations: Iterable<[Subscription, Relation]>): void {
    const [to, left]: [string[], string[]] = [[], []];
    for (const [subscription, relation] of relations) {
      if (relation === 'unknown') this.#refetch(subscription, 'unreadable');
      else (relation === 'in' ? to : left).push(subscription.id);
    }
    if (to.length + left.length === 0) return;
    const head = JSON.stringify({ type: 'event', to, ...(left.length === 0 ? {} : { left }) }).slice(0, -1);
    this.#send(`${head},${event.text}}`);
  }

  #refetch(subscription: Subscription, reason: RefetchReason): void {
    subscription.state = { is: 'live' };
    const spread = MANY_AT_ONCE.has(reason) ? { withinMs: SPREAD_MS } : {};
    this.#send(JSON.stringify({ type: 'refetch', reason, ...this.#whereIs(subscription), ...spread }));
  }

  #whereIs({ id, feed, resource }: Subscription): object {
    const at = feed.end;
    return { id, source: resource.source, ...(at === undefined ? {} : { position: writePlace(at) }) };
  }

  #onDrain(): void {
    // Of a client that cannot speak it is all that is heard.
    if (!this.#parts.sink.answers) this.#heardMs = performance.now();
    if (this.isChoked) return;
    for (const subscription of this.#subscriptions.values())
      if (subscription.state.is !== 'live') void this.#catchUp(subscription);
  }

  #has(subscription: Subscription): boolean {
    return this.#subscriptions.get(subscription.id) === subscription;
  }

  #refuse(id: string | undefined, code: string, detail: string): void {
    this.say(JSON.stringify({ type: 'error', ...(id === undefined ? {} : { id }), code, detail }));
  }

  #send(frame: string): void {
    this.#parts.sink.send(frame, () => this.#places());
  }

  /** Of each source the least that one of its subscriptions has: `tasks:1.42,projects:1.7`. */
  #places(): string {
    const least = new Map<string, Place>();
    for (const { resource, place } of this.#subscriptions.values()) {
      const known = least.get(resource.source);
      if (place !== undefined && (known === undefined || place.n < known.n))
        least.set(resource.source, place);
    }
    return [...least].map(([source, place]) => `${source}:${writePlace(place)}`).join(',');
  }

  #isTooFast(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#frames.sinceMs > 1000) this.#frames = { sinceMs: nowMs, count: 0 };
    this.#frames.count += 1;
    return this.#frames.count > this.#parts.options.maxFramesPerSecond;
  }
}

function placeOf(from: string | undefined): Place | 'invalid' | undefined {
  if (from === undefined) return undefined;
  try {
    return readPlace(from);
  } catch (error) {
    if (isBanyanError(error)) return 'invalid';
    throw error;
  }
}
