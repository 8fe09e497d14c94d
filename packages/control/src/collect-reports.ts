import { NoRespondersError, RequestError, type NatsConnection } from '@nats-io/nats-core';
import { BanyanError, messageOf, unlessStalled } from '@banyan/runtime';
import type { ProcessReport } from './report.js';
import { isLedgerReport } from './ledger/ledger-report.js';
import { REPORT_SUBJECT, type ReportQuestion } from './reporter.js';

export interface CollectOptions {
  /** How long to wait for answers, in ms; default 500. A busy process that takes longer is not seen. */
  waitMs?: number;
  /** End as soon as these have answered; without any, after the time. Others may be quicker, so they are not counted. */
  instances?: Iterable<string>;
  /** Leave the evidence out. */
  brief?: boolean;
  /** Ask for the ledgers, and leave the evidence out. */
  ledgers?: boolean;
}

/**
 * Asks all processes for their reports. Processes that do not answer in time are not in the result; a time in which this
 * process itself stood still is no such time.
 *
 * @throws BANYAN_CONTROL_UNREACHABLE if the request could not be sent
 */
export async function collectReports(
  connection: NatsConnection,
  { waitMs = 500, instances = [], brief = false, ledgers = false }: CollectOptions = {},
): Promise<ProcessReport[]> {
  const asked = { question: questionOf({ brief, ledgers }), waitMs, instances: [...instances] };
  const reports = await unlessStalled(waitMs, () => askOnce(connection, asked));
  return reports.toSorted((a, b) => a.instance.localeCompare(b.instance));
}

interface Asked {
  question: ReportQuestion;
  waitMs: number;
  instances: readonly string[];
}

async function askOnce(
  connection: NatsConnection,
  { question, waitMs, instances }: Asked,
): Promise<ProcessReport[]> {
  const awaited = new Set(instances);
  const reports: ProcessReport[] = [];
  try {
    for await (const answer of await connection.requestMany(REPORT_SUBJECT, question, {
      maxWait: waitMs,
      strategy: 'timer',
    })) {
      const report = decodeReport(answer.string());
      if (report === undefined) continue;
      reports.push(report);
      if (awaited.delete(report.instance) && awaited.size === 0) break;
    }
  } catch (error) {
    if (!isNobody(error))
      throw new BanyanError('BANYAN_CONTROL_UNREACHABLE', `reports: ${messageOf(error)}`, { cause: error });
  }
  return reports;
}

function questionOf({ brief, ledgers }: { brief: boolean; ledgers: boolean }): ReportQuestion {
  if (ledgers) return 'ledgers';
  return brief ? 'brief' : 'all';
}

function isNobody(error: unknown): boolean {
  if (error instanceof RequestError) return error.isNoResponders();
  return error instanceof NoRespondersError;
}

/** Whoever may publish can answer rubbish: what has not the outline of a report is left out. */
function decodeReport(data: string): ProcessReport | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isReport(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isReport(value: unknown): value is ProcessReport {
  if (typeof value !== 'object' || value === null) return false;
  const { service, instance, pid, edges, flags, ledger } = value as Record<string, unknown>;
  const named = typeof service === 'string' && typeof instance === 'string' && typeof pid === 'number';
  const flagged = flags === undefined || (Array.isArray(flags) && flags.every(isFlagReport));
  const booked = ledger === undefined || isLedgerReport(ledger);
  return named && flagged && booked && Array.isArray(edges) && edges.every(isEdgeReport);
}

function isFlagReport(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'flag' in value && 'changeId' in value;
}

function isEdgeReport(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { edge, kind, stages, running, evidence } = value as Record<string, unknown>;
  const outlined = typeof edge === 'string' && Array.isArray(stages) && Array.isArray(evidence);
  return outlined && isObject(running) && (kind === 'reaction' ? isSide(value) : isQuery(value));
}

function isQuery(value: object): boolean {
  return 'freshness' in value && isObject(value.freshness);
}

function isSide(value: object): boolean {
  const { side, reading, withoutId } = value as Record<string, unknown>;
  if (side === 'caller') return true;
  return side === 'receiver' && (reading === null || isObject(reading)) && Array.isArray(withoutId);
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
