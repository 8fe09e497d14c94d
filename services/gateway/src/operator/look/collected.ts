import {
  collectReports,
  FlagStore,
  readProofs,
  readRuns,
  StageStore,
  type FlagRecord,
  type ProcessReport,
  type QuietProof,
  type RunView,
  type StageRecord,
} from '@banyan/control';
import type { RelayReport, SubscriberReport } from '@banyan/contracts';
import { collectRelayReports, collectSubscribers } from '@banyan/playbook';
import type { NatsConnection } from '@nats-io/nats-core';

/** How long processes may take to report, in ms. */
const REPORT_MS = 400;
/** How long the broker may take for each answer, in ms. */
const BROKER_MS = 2_000;

/** All that was heard in one round of questions. */
export interface Collected {
  records: StageRecord[];
  /** That nobody calls, as it was proven, of edges that may be retired. */
  proofs: QuietProof[];
  flags: FlagRecord[];
  reports: ProcessReport[];
  relays: RelayReport[];
  subscribers: SubscriberReport[];
  runs: RunView[];
}

/** What lies in the stage bucket: a matter of few ms. */
export async function collectRecords(
  connection: NatsConnection,
): Promise<Pick<Collected, 'records' | 'flags'>> {
  const options = { timeoutMs: BROKER_MS };
  const [stages, flags] = await Promise.all([
    StageStore.open(connection, options),
    FlagStore.open(connection, options),
  ]);
  const [records, flagRecords] = await Promise.all([stages.list(), flags.list()]);
  return { records, flags: flagRecords };
}

/** What processes that have edges say. */
export function collectProcesses(connection: NatsConnection): Promise<ProcessReport[]> {
  return collectReports(connection, { waitMs: REPORT_MS });
}

/** Everything, as the `banyan` command asks for it. */
export async function collectAll(connection: NatsConnection): Promise<Collected> {
  const [stored, reports, relays, subscribers, runs] = await Promise.all([
    collectRecords(connection),
    collectProcesses(connection),
    collectRelayReports(connection),
    collectSubscribers(connection),
    readRuns(connection),
  ]);
  const heardOf = { records: stored.records, reports };
  const proofs = await readProofs(connection, heardOf, { timeoutMs: BROKER_MS });
  return { ...stored, proofs, reports, relays, subscribers, runs };
}
