import { createHash } from 'node:crypto';
import type { Repair, StreamAudit } from '@banyan/contracts';
import { BanyanError, wait } from '@banyan/runtime';
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { ClientBase } from 'pg';
import { positionIn } from '../history/stream-table.js';
import { readSource, type SourceRecord } from '../source-record.js';
import { messageFrom, openManager, readStream } from '../stream.js';
import { readTail } from '../tail.js';
import { lastNOf, newestTick } from '../tick.js';
import { compareStretch, type StretchFindings } from './compare-stretch.js';
import { computeStretches, firstRetainedN, type ComputedStretch } from './computed-events.js';
import { StreamedEvents, type StreamedStretch } from './streamed-events.js';

/** What is on its way into the stream has so long to arrive, in ms; after that it counts as missing at the end. */
const ARRIVAL_MS = 3000;
const ARRIVAL_POLL_MS = 50;

const MAX_DIFFERENCES = 100;
const MAX_HOLES = 1000;

export interface RecordedAuditOptions {
  source: string;
  /** Only the newest so many positions. Default: all that are retained. */
  newest?: number;
  /** Up to this position. Default: all that are recorded when it begins. */
  toN?: number;
  /** So as to disturb nobody. Default 0: as fast as it goes. */
  eventsPerSecond?: number;
  /** Ends it early: it throws. */
  signal?: AbortSignal;
  onProgress?: (progress: { done: number; of: number }) => void;
}

export interface AuditConnections {
  /** In no transaction. Its statements are short: it holds up neither vacuum nor rotation. */
  client: ClientBase;
  nats: NatsConnection;
}

/**
 * Compares a source's stream with its outbox, position by position, as far as events are retained and recorded: while
 * writers write and relays publish. It needs memory for a stretch of 10,000 positions. It changes nothing.
 *
 * @throws BanyanError BANYAN_AUDIT_FAILED if it could not be carried through
 */
export async function auditRecorded(
  { client, nats }: AuditConnections,
  options: RecordedAuditOptions,
): Promise<StreamAudit> {
  const { source } = options;
  const record = await readSource(client, source);
  const toN = options.toN ?? lastNOf(await newestTick(client));
  const manager = await openManager(nats);
  if (toN > 0) await untilArrived(manager, source, { epoch: record.epoch, n: toN });
  const stream = await readStream(manager, source);
  const fromN = Math.max(
    (await firstRetainedN(client)) ?? toN + 1,
    toN - (options.newest ?? toN) + 1,
    await firstKeptN(manager, stream, { epoch: record.epoch, toN }),
  );
  const audit = new RecordedAudit(options, record, { fromN, toN });
  if (fromN > toN || stream === undefined) return audit.over(client, undefined);
  const streamed = await StreamedEvents.open({ nats, manager }, { source, epoch: record.epoch, fromN });
  const abort = (): void => streamed.close();
  options.signal?.addEventListener('abort', abort);
  try {
    await audit.over(client, streamed);
    return audit.beyond(await eventsBeyond(client, manager, { source, epoch: record.epoch }));
  } finally {
    options.signal?.removeEventListener('abort', abort);
    streamed.close();
  }
}

async function untilArrived(
  manager: JetStreamManager,
  source: string,
  position: { epoch: number; n: number },
): Promise<void> {
  const deadline = performance.now() + ARRIVAL_MS;
  while (performance.now() < deadline) {
    const stream = await readStream(manager, source);
    const tail =
      stream === undefined ? undefined : await readTail(manager, stream, source).catch(() => undefined);
    if (tail !== undefined && tail.epoch >= position.epoch && tail.n >= position.n) return;
    await wait(ARRIVAL_POLL_MS);
  }
}

/** The first position that the stream's own limits have left in it: what has expired is not missing. */
async function firstKeptN(
  manager: JetStreamManager,
  stream: StreamInfo | undefined,
  { epoch, toN }: { epoch: number; toN: number },
): Promise<number> {
  if (stream === undefined || stream.state.first_seq <= 1) return 1;
  if (stream.state.messages === 0) return toN + 1;
  const first = await messageFrom(manager, stream.config.name, stream.state.first_seq);
  const position = positionIn(first?.header.get('Banyan-Position') ?? '');
  return position?.epoch === epoch ? position.n : 1;
}

/**
 * How far the stream goes beyond everything that this database has recorded: it is then another one's, or this one has lost
 * it. The database is asked last, since a relay may publish meanwhile.
 */
async function eventsBeyond(
  client: ClientBase,
  manager: JetStreamManager,
  { source, epoch }: { source: string; epoch: number },
): Promise<number> {
  const stream = await readStream(manager, source);
  const tail =
    stream === undefined ? undefined : await readTail(manager, stream, source).catch(() => undefined);
  const recordedN = lastNOf(await newestTick(client));
  return tail?.epoch === epoch ? Math.max(0, tail.n - recordedN) : 0;
}

const NO_STREAM: StreamedStretch = { events: [], strangers: 0, reachedN: 0 };

/** One audit under way. */
class RecordedAudit {
  readonly report: StreamAudit;
  readonly #options: RecordedAuditOptions;
  readonly #digests = { stream: createHash('sha256'), database: createHash('sha256') };
  readonly #heads = new Map<number, number>();
  readonly #startMs = performance.now();

  constructor(options: RecordedAuditOptions, { epoch }: SourceRecord, range: { fromN: number; toN: number }) {
    this.#options = options;
    this.report = {
      source: options.source,
      epoch,
      ...range,
      ...{ compared: 0, notRetained: 0, messages: 0, missingInside: 0, missingAtEnd: 0, otherEvents: 0 },
      ...{ strangers: 0, brokenLinks: 0, stretches: 0, differing: 0, differences: [], holes: [] },
      digests: { stream: '', database: '' },
      repair: 'nothing',
      tookMs: 0,
    };
  }

  async over(client: ClientBase, streamed: StreamedEvents | undefined): Promise<StreamAudit> {
    const { report } = this;
    const { fromN, toN } = report;
    if (fromN > toN) return report;
    for await (const computed of computeStretches(client, { fromN, toN })) {
      const within = {
        fromN: Math.max(computed.fromN, fromN),
        toN: Math.min(computed.toN, toN),
        events: computed.events.filter(({ n }) => n >= fromN && n <= toN),
      };
      this.#add(within, (await streamed?.upTo(within.toN)) ?? NO_STREAM);
      this.#options.onProgress?.({ done: within.toN - fromN + 1, of: toN - fromN + 1 });
      await this.#pause(within.toN - fromN + 1);
    }
    report.digests = {
      stream: this.#digests.stream.digest('hex'),
      database: this.#digests.database.digest('hex'),
    };
    report.repair = repairOf(report);
    report.tookMs = Math.round(performance.now() - this.#startMs);
    return report;
  }

  /** Counts events that the stream has after all that the database knows. */
  beyond(events: number): StreamAudit {
    this.report.otherEvents += events;
    this.report.repair = repairOf(this.report);
    return this.report;
  }

  #add(computed: ComputedStretch, streamed: StreamedStretch): void {
    const found = compareStretch(computed, streamed, this.#heads);
    const ids = new Map(computed.events.map(({ n, eventId }) => [n, eventId]));
    this.#digests.database.update([...ids.values()].join());
    const comparable = streamed.events.filter(({ n }) => ids.has(n));
    this.#digests.stream.update(comparable.map(({ eventId }) => eventId).join());
    this.report.strangers += streamed.strangers;
    this.#count(found);
  }

  #count(found: StretchFindings): void {
    const { report } = this;
    report.stretches += 1;
    report.compared += found.compared;
    report.notRetained += found.notRetained;
    report.messages += found.messages;
    report.missingInside += found.missingInside;
    report.missingAtEnd += found.missingAtEnd;
    report.otherEvents += found.otherEvents;
    report.brokenLinks += found.brokenLinks;
    report.holes.push(...found.holes.slice(0, MAX_HOLES - report.holes.length));
    if (found.difference === undefined) return;
    report.differing += 1;
    if (report.differences.length < MAX_DIFFERENCES) report.differences.push(found.difference);
  }

  /** Holds the rate, and ends where it is told to. */
  async #pause(done: number): Promise<void> {
    const { eventsPerSecond = 0, signal, source } = this.#options;
    if (eventsPerSecond > 0) {
      const dueMs = this.#startMs + (done / eventsPerSecond) * 1000;
      await wait(Math.max(0, dueMs - performance.now()), signal);
    }
    if (signal?.aborted !== true) return;
    throw new BanyanError('BANYAN_AUDIT_FAILED', `the audit of ${source} was ended after ${done} positions`);
  }
}

function repairOf(report: StreamAudit): Repair {
  if (report.otherEvents + report.strangers > 0) return 'decision';
  if (report.missingInside + report.brokenLinks > 0) return 'ranges';
  return report.missingAtEnd > 0 ? 'relay' : 'nothing';
}
