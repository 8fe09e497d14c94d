import { isRecentNatsServer, LARGEST_MESSAGE_BYTES, OLDEST_NATS_SERVER } from '@banyan/contracts';
import { messageOf } from '@banyan/runtime';
import {
  jetstreamManager,
  type JetStreamAccountStats,
  type JetStreamManager,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { readClock, type ClockReading } from './clocks.js';
import { Findings, type Finding } from './finding.js';
import { examineStages } from './stages.js';
import { examineStreams } from './streams.js';

/** What was seen of a NATS server, for the examinations that build on it. */
export interface NatsSeen {
  findings: Finding[];
  /** Undefined: there is no stream whose leader could tell its time. */
  clock?: ClockReading;
}

/** The server, its limits, and what Banyan keeps in JetStream. Changes nothing: what is missing stays missing. */
export async function examineNats(connection: NatsConnection): Promise<NatsSeen> {
  const findings = new Findings('nats');
  examineServer(connection, findings);
  try {
    const manager = await jetstreamManager(connection, { timeout: 3_000 });
    const account = await manager.getAccountInfo();
    examineAccount(account, findings);
    const streams = await allStreams(manager);
    const isClustered = connection.info?.cluster !== undefined;
    const all = [
      ...findings.all,
      ...examineStreams(streams, isClustered),
      ...examineStages(streams, isClustered),
    ];
    const [first] = streams;
    if (first === undefined) return { findings: all };
    const { name } = first.config;
    return { findings: all, clock: await readClock(`NATS (${name})`, () => timeOf(manager, name)) };
  } catch (error) {
    const remedy =
      'Enable JetStream on the server and for this account, and let this user ask $JS.API.> (NATS permissions).';
    findings.fail('JetStream', messageOf(error), remedy);
    return { findings: findings.all };
  }
}

function examineServer({ info }: NatsConnection, findings: Findings): void {
  const version = info?.version ?? 'unknown';
  if (isRecentNatsServer(version)) findings.ok('nats-server', version);
  else findings.fail('nats-server', version, `Use nats-server ${OLDEST_NATS_SERVER.join('.')} or later.`);
  const bytes = info?.max_payload ?? 0;
  if (bytes >= LARGEST_MESSAGE_BYTES && info?.headers === true) findings.ok('max_payload', `${bytes} bytes`);
  else {
    const remedy = `Set max_payload to ${LARGEST_MESSAGE_BYTES} or more: the largest event that banyan.emit lets through must fit.`;
    findings.fail('max_payload', `${bytes} bytes`, remedy);
  }
  if (info?.ldm === true)
    findings.warn('lame duck', 'the server is about to end', 'Connect to another server of the cluster.');
}

function examineAccount(account: JetStreamAccountStats, findings: Findings): void {
  findings.ok('JetStream', account.domain === undefined ? 'enabled' : `enabled, domain ${account.domain}`);
  const tiers = Object.entries(account.tiers ?? {}).map(([name, tier]) => ({ name, ...tier }));
  for (const { name, storage, limits, streams } of tiers.length > 0 ? tiers : [{ name: '', ...account }]) {
    if (limits === undefined) continue;
    const tier = name === '' ? '' : ` of ${name}`;
    examineLimit(
      `storage${tier}`,
      { used: storage ?? 0, limit: limits.max_storage, unit: ' bytes' },
      findings,
    );
    examineLimit(`streams${tier}`, { used: streams ?? 0, limit: limits.max_streams, unit: '' }, findings);
  }
}

interface Usage {
  used: number;
  /** -1, and for storage 0: none. */
  limit: number;
  unit: string;
}

function examineLimit(what: string, { used, limit, unit }: Usage, findings: Findings): void {
  if (limit <= 0) findings.ok(what, `${used}${unit}, no limit`);
  else if (used < 0.8 * limit) findings.ok(what, `${used} of ${limit}${unit}`);
  else {
    const remedy = "Raise the account's limit, or set max_age or max_bytes of the streams of events.";
    findings.warn(what, `${used} of ${limit}${unit}`, remedy);
  }
}

/** The time of the server that leads a stream. */
async function timeOf(manager: JetStreamManager, stream: string): Promise<number> {
  return Date.parse((await manager.streams.info(stream)).ts ?? '');
}

async function allStreams(manager: JetStreamManager): Promise<StreamInfo[]> {
  const streams: StreamInfo[] = [];
  for await (const info of manager.streams.list()) streams.push(info);
  return streams;
}
