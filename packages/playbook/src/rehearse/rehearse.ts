import { randomUUID } from 'node:crypto';
import {
  AuditLog,
  LONGEST_CUT_MS,
  recordRehearsal,
  type EdgeFound,
  type EdgeOverview,
  type RehearsalCounts,
  type RehearsalRecord,
  type Stage,
} from '@banyan/control';
import { BanyanError, systemClock, wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { findEdge, lookAt } from '../control-plane.js';
import { processesOf } from '../edge-processes.js';
import { NotYet } from '../not-yet.js';
import { WITHOUT_PROVIDER } from '../plan/rules/readiness.js';
import { CutProcesses, type CutProcess } from './cut-processes.js';
import { rehearsalText } from './show-rehearsal.js';

const TOLD_MS = 500;

export interface RehearseOptions {
  connection: NatsConnection;
  edge: string;
  /** How long the provider is cut off, in ms. */
  forMs: number;
  /** The share of the calls that may fail. */
  maxErrors: number;
  /** With fewer calls nothing is said, unless those that fail are too many already. */
  minCalls: number;
  by: string;
  /** Also at stages where every call fails. */
  force?: boolean;
  /** Gives the provider back, and records nothing. */
  signal?: AbortSignal;
  onProgress?: (counts: RehearsalCounts & { leftMs: number }) => void;
}

/**
 * Cuts the provider off from every process that calls it on an edge, for a time, and says whether they hold their error budget
 * without it. Recorded as the edge's last rehearsal. The processes end it by themselves, whatever becomes of this one.
 *
 * @throws BanyanError BANYAN_REHEARSAL_REFUSED where it would be an outage, or if it runs already; `NotYet` if no process
 *   answers, or the signal ends it; BANYAN_AUDIT_UNWRITABLE before anything is done
 */
export async function rehearse(options: RehearseOptions): Promise<RehearsalRecord> {
  const { connection, forMs, by } = options;
  checkTime(forMs);
  const edge = findEdge((await lookAt(connection)).edges, options.edge);
  if (options.force !== true) refuseOutage(edge);
  const cut = new CutProcesses(connection, await allProcessesOf(connection, edge), randomUUID());
  const at = new Date().toISOString();
  const audit = new AuditLog(connection);
  const entry = { kind: 'rehearsal', about: edge.edge, by, from: edge.stage } as const;
  const forced = options.force === true ? { forced: true as const } : {};
  await audit.append({ ...entry, ...forced, at, why: `its provider is cut off for ${forMs / 1000} s` });
  await cut.cutOff(forMs);
  await watch(cut, options);
  const seen = await cut.outcome();
  const after = (await lookAt(connection)).edges.find((each) => each.edge === edge.edge);
  const record = { ...judge(seen, { edge, after, options }), at, by, forMs };
  await audit.append({ ...entry, why: rehearsalText(record), evidence: record });
  await recordRehearsal(connection, record);
  return record;
}

function checkTime(forMs: number): void {
  if (forMs > 0 && forMs <= LONGEST_CUT_MS) return;
  throw new BanyanError('BANYAN_OPTION_INVALID', `a rehearsal of ${forMs} ms: it takes 10 minutes at most`);
}

/** At lower stages the callers have nothing but the provider; so have the keys that a share has not reached. */
function refuseOutage({ edge, stage, ramp }: EdgeOverview): void {
  const failing = [stage, ramp?.from].find((each): each is Stage => each !== undefined && !HOLDS.has(each));
  if (failing === undefined) return;
  throw new BanyanError('BANYAN_REHEARSAL_REFUSED', `${edge} has calls at ${failing}: they would all fail`);
}

const HOLDS: ReadonlySet<Stage> = new Set<Stage>([...WITHOUT_PROVIDER, 'retired']);

/** One that is left out would keep its provider, and the rehearsal would show nothing of it. */
async function allProcessesOf(connection: NatsConnection, edge: EdgeOverview): Promise<EdgeFound[]> {
  const found = await processesOf(connection, edge.edge);
  const concerned = edge.processes.filter(({ side }) => side !== 'caller');
  const left = concerned.find(({ instance }) => !found.some((each) => each.instance === instance));
  if (left === undefined) return found;
  throw new NotYet(
    `${left.instance} reports ${edge.edge}, and takes no rehearsal`,
    'Ask again; if it stays so, start that process anew.',
  );
}

async function watch(cut: CutProcesses, { forMs, signal, onProgress }: RehearseOptions): Promise<void> {
  const endMs = systemClock.monotonicMs() + forMs;
  for (;;) {
    const leftMs = endMs - systemClock.monotonicMs();
    if (leftMs <= 0) return;
    await wait(Math.min(TOLD_MS, leftMs), signal);
    if (signal?.aborted === true) {
      await cut.restore();
      throw new NotYet(
        'the rehearsal was interrupted; the provider is back, and nothing is recorded',
        'Hold it again when there is time.',
      );
    }
    if (onProgress !== undefined) onProgress({ ...sum(await cut.look()), leftMs: Math.max(0, leftMs) });
  }
}

interface Judged {
  edge: EdgeOverview;
  /** The same edge when it was over. */
  after: EdgeOverview | undefined;
  options: RehearseOptions;
}

function judge(
  seen: readonly CutProcess[],
  { edge, after, options: { maxErrors, minCalls } }: Judged,
): Omit<RehearsalRecord, 'at' | 'by' | 'forMs'> {
  const counts = sum(seen);
  const { edge: name, stage, changeId } = edge;
  const processes = seen.map(({ process: { service, instance }, report }) => {
    return { service, instance, ...sum([{ report }]) };
  });
  const why = whatHappened(seen, edge, after);
  const overBudget = counts.failed / Math.max(counts.calls, minCalls) > maxErrors;
  const enough = counts.calls >= minCalls;
  const outcome = overBudget || why !== '' ? 'failed' : enough ? 'passed' : 'not-enough';
  return { edge: name, stage, changeId, ...counts, maxErrors, outcome, why, processes };
}

/** What else tells against it; empty: nothing. */
function whatHappened(
  seen: readonly CutProcess[],
  before: EdgeOverview,
  after: EdgeOverview | undefined,
): string {
  const gone = seen.filter(({ report }) => report === undefined).map(({ process }) => process.instance);
  if (gone.length > 0) return `${gone.join(', ')} was gone at the end`;
  const trip = after?.processes.find((each) => each.trip !== undefined)?.trip;
  if (trip !== undefined) return `its guard has tripped: ${trip.cause}`;
  if (after === undefined || after.changeId === before.changeId) return '';
  return `it was moved to ${after.stage} meanwhile by ${after.by ?? 'somebody'}`;
}

/** A call that has not ended by now counts as failed. */
function sum(seen: readonly Pick<CutProcess, 'report'>[]): RehearsalCounts {
  const counts = { calls: 0, failed: 0, cut: 0 };
  for (const { report } of seen) {
    if (report === undefined) continue;
    counts.calls += report.calls + (report.isCut ? 0 : report.open);
    counts.failed += report.failed + (report.isCut ? 0 : report.open);
    counts.cut += report.cut;
  }
  return counts;
}
