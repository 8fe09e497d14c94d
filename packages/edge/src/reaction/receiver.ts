import type { Metadata } from '@grpc/grpc-js';
import {
  noReactions,
  stageReportOf,
  type EdgeReporting,
  type EdgeTask,
  type EdgeTaskResult,
  type SourcedStage,
  type ReactionCounts,
  type ReactionReading,
  type ReactionReceiverReport,
} from '@banyan/control';
import { BanyanError } from '@banyan/runtime';
import type {
  EventContext,
  FreshnessOf,
  HandlerEntry,
  SubscriberFreshness,
  SubscriberStatus,
} from '@banyan/subscriber';
import type { ClientBase } from 'pg';
import { Admission } from './admission.js';
import { edgeKeyOf, readCall, type ReactionCall } from './call-metadata.js';
import { inCallTransaction, type CallTime } from './call-transaction.js';
import { CallersWithoutId } from './callers-without-id.js';
import { ChangeCounts } from './change-counts.js';
import { Drain } from './drain.js';
import { CutOff, isCutTask } from '../rehearsal/cut-off.js';
import { EffectRun, type Ended } from './effect-run.js';
import { Pruner } from './pruner.js';
import { ReactionRefusal } from './reaction-refusal.js';
import { resolveReceiverOptions, type ReceiverOptions, type ResolvedReceiver } from './receiver-options.js';
import { stoppedPartitions } from '../process/stopped-partitions.js';
import { STAGE_HEADER, stampOf } from './stamp.js';

/** What a method knows of the call that it serves; the `CallContext` of `@banyan/service-host` is one. */
export interface ServedCall extends CallTime {
  readonly metadata: Metadata;
  /** The service that calls, as it says itself. */
  readonly caller: string;
}

/** The subscriber that brings a receiver its events. */
export interface EventReading {
  freshness: (of: FreshnessOf) => SubscriberFreshness;
  readonly status: SubscriberStatus | undefined;
}

/**
 * Declares "I did X, now you do Y" on the side that does Y: one effect, for the gRPC method and for the subscriber. Serve
 * `method`, give `entries` to a subscriber of the same database, tell the receiver of that subscriber with `readBy`.
 *
 * @throws BANYAN_EDGE_INVALID, BANYAN_STAGE_INVALID, BANYAN_OPTION_INVALID
 */
export function receiver<Request, Response>(
  options: ReceiverOptions<Request, Response>,
): Receiver<Request, Response> {
  return new Receiver(options);
}

/** One reaction edge at its receiver; see `receiver`. */
export class Receiver<Request, Response> implements EdgeReporting {
  readonly stage: SourcedStage<'reaction'>;
  /** For the subscriber. */
  readonly entries: readonly HandlerEntry[];
  readonly #options: ResolvedReceiver<Request, Response>;
  readonly #admission: Admission;
  readonly #run: EffectRun<Request, Response>;
  readonly #drain: Drain;
  readonly #pruner: Pruner;
  readonly #counts = new ChangeCounts(noReactions);
  readonly #withoutId = new CallersWithoutId();
  readonly #cutOff: CutOff;
  #reading: EventReading | undefined;

  constructor(given: ReceiverOptions<Request, Response>) {
    const options = resolveReceiverOptions(given);
    const { edge, stages, ladder, pool, pruneEveryMs, logger } = options;
    this.#options = options;
    this.stage = stages.edge({ edge, kind: 'reaction', stages: ladder });
    this.#admission = new Admission(this.stage.name.text, options.maxCallAgeMs);
    this.#run = new EffectRun({ ...options, admission: this.#admission });
    this.#cutOff = new CutOff(edge);
    this.#drain = new Drain(this.stage, options.drainMs, (of) => this.#reading?.freshness(of).asOfMs);
    this.#pruner = new Pruner(pool, this.#admission, { everyMs: pruneEveryMs, logger });
    this.entries = options.triggers.map(({ entry }) => entry((...event) => this.#onEvent(...event)));
  }

  /** Names the subscriber that has the entries, so that the receiver knows how far it is. */
  readBy(reading: EventReading): this {
    this.#reading = reading;
    return this;
  }

  /** Begins to prune old records. */
  start(): void {
    this.#pruner.start();
  }

  stop(): Promise<void> {
    this.#cutOff.stop();
    return this.#pruner.stop();
  }

  /** What an operator asks: a rehearsal, in which calls are refused and events alone bring effects. */
  async perform(task: EdgeTask): Promise<EdgeTaskResult> {
    if (isCutTask(task)) return this.#cutOff.perform(task);
    throw new BanyanError('BANYAN_TASK_REFUSED', `a reaction edge has nothing to ${task.do}`);
  }

  /** Deletes some of the records that nobody can ask for any more; `start` does so now and then. */
  prune(): Promise<number> {
    return this.#pruner.runOnce();
  }

  report(detail: boolean): ReactionReceiverReport {
    return {
      ...stageReportOf(this.stage),
      side: 'receiver',
      reading: this.#readingReport(),
      withoutId: this.#withoutId.report(),
      evidence: detail ? this.#counts.all() : [],
    };
  }

  /**
   * The method, as a service serves it.
   *
   * @throws ReactionRefusal if the call was not even tried, and whatever the effect throws
   */
  readonly method = async (request: Request, served: ServedCall): Promise<Response> => {
    const call = readCall(served.metadata);
    if (this.#cutOff.isCut && (call?.edge === this.stage.name.key || this.#isOnEdge(served)))
      throw this.#cut();
    if (call?.edge === this.stage.name.key) return this.#onCall(request, call, served);
    if (this.#isOnEdge(served)) this.#judgeWithoutId(served);
    const context = { via: 'call', eventId: undefined, version: undefined } as const;
    return inCallTransaction(this.#options.pool, served, (tx) => this.#options.effect(tx, request, context));
  };

  get #now(): ReactionCounts {
    return this.#counts.of(this.stage.running);
  }

  /** Other callers of the method are on no edge, or on one that another receiver knows. */
  #isOnEdge({ metadata, caller }: ServedCall): boolean {
    const { key, caller: own } = this.stage.name;
    return edgeKeyOf(metadata) === key || caller === own || caller === 'unknown' || caller === '';
  }

  #judgeWithoutId({ caller }: ServedCall): void {
    this.#withoutId.note(caller);
    const { stage } = this.stage.running;
    if (stage === 'call') return;
    this.#now.refusedWithoutId += 1;
    const details = `${this.stage.name.text} is at ${stage}: a call must say which event it stands for`;
    throw new ReactionRefusal('REACTION_WITHOUT_ID', details);
  }

  async #onCall(request: Request, call: ReactionCall, served: ServedCall): Promise<Response> {
    if (this.#drain.mayOvertake(call)) throw this.#tooEarly(call);
    const ended = await inCallTransaction(this.#options.pool, served, (tx) => this.#admit(tx, request, call));
    if (ended.outcome === 'refused') throw ended.error;
    return ended.response;
  }

  async #admit(tx: ClientBase, request: Request, call: ReactionCall): Promise<Ended<Response>> {
    const { eventId, version } = call;
    const admission = await this.#admission.admitCall(tx, { ...call, passed: call.stage === 'call' });
    if (admission.kind === 'too-old') throw this.#tooOld(call);
    if (admission.kind === 'repeated') {
      this.#now.repeatedCalls += 1;
      return this.#run.restored(admission.recorded);
    }
    const ended = await this.#run.run(tx, request, { via: 'call', eventId, version });
    this.#note('byCall', ended);
    return ended;
  }

  /** The event's own stamp decides, never the stage that this process runs. */
  async #onEvent(tx: ClientBase, requestOf: () => Request | undefined, event: EventContext): Promise<void> {
    const { eventId, version, time } = event;
    const stage = stampOf(event.headers[STAGE_HEADER], this.stage.name);
    if (stage === undefined) this.#now.unstamped += 1;
    if (stage === 'call') this.#now.leftToCall += 1;
    if (stage === 'event') this.#drain.noteEvent(time.getTime());
    const request = stage === undefined || stage === 'call' ? undefined : requestOf();
    if (request === undefined) return;
    if (await this.#admission.admitEvent(tx, { eventId, time }))
      this.#note('byEvent', await this.#run.run(tx, request, { via: 'event', eventId, version }));
    else this.#now.repeatedEvents += 1;
  }

  #cut(): ReactionRefusal {
    this.#cutOff.refused();
    return new ReactionRefusal(
      'REACTION_CUT_OFF',
      `${this.stage.name.text} rehearses: its calls are refused for a time`,
    );
  }

  #note(by: 'byCall' | 'byEvent', { outcome }: Ended<Response>): void {
    if (by === 'byEvent') this.#cutOff.heldBy();
    this.#now[by] += 1;
    if (outcome === 'refused') this.#now.refused += 1;
  }

  #tooEarly({ eventId }: ReactionCall): ReactionRefusal {
    this.#now.refusedTooEarly += 1;
    const details = `${this.stage.name.text} comes back from event: event ${eventId} brings its effect, in order`;
    return new ReactionRefusal('REACTION_TOO_EARLY', details);
  }

  #tooOld({ eventId, emittedAtMs }: ReactionCall): ReactionRefusal {
    this.#now.refusedTooOld += 1;
    const { maxCallAgeMs } = this.#options;
    const at = new Date(emittedAtMs).toISOString();
    const details = `event ${eventId} of ${at} is older than ${maxCallAgeMs} ms: whether it was done is not known`;
    return new ReactionRefusal('REACTION_TOO_OLD', details);
  }

  #readingReport(): ReactionReading | null {
    const status = this.#reading?.status;
    if (this.#reading === undefined || status === undefined || status.state === 'stopped') return null;
    const sources = this.#options.triggers.map(
      ({ event }) => this.#reading?.freshness({ source: event.source }).asOfMs,
    );
    const known = sources.filter((asOfMs) => asOfMs !== undefined);
    const asOfMs = known.length === sources.length ? Math.min(...known) : null;
    const stalenessMs = asOfMs === null ? null : Math.max(0, Math.round(Date.now() - asOfMs));
    const parkedKeys = status.sources.reduce((sum, each) => sum + each.parkedKeys, 0);
    const { state, because } = status;
    const stopped = stoppedPartitions(status);
    return {
      ...{ asOfMs, stalenessMs, parkedKeys, state },
      ...(because === undefined ? {} : { because }),
      ...(stopped === undefined ? {} : { stopped }),
    };
  }
}
