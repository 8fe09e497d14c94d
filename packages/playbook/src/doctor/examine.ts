import { isBanyanError, messageOf } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { collectSubscribers } from '../backfill/targets.js';
import { reach } from '../control-plane.js';
import { findNats, findStackDatabases } from '../find-nats.js';
import { checkedDatabaseUrl } from '../parked-keys.js';
import { collectRelayReports } from '../relay-client.js';
import { examineClocks, type ClockReading } from './clocks.js';
import { Findings, type Finding } from './finding.js';
import { hearHeartbeats } from './heard.js';
import { examineMachine } from './machine.js';
import { examineNats } from './nats.js';
import { examineDatabase } from './postgres.js';
import { examineRelays } from './relays.js';
import { examineSubscribers } from './subscribers.js';

export interface Examination {
  /** As given with --nats and --database-url. */
  nats: string | undefined;
  databases: readonly string[];
  env: NodeJS.ProcessEnv;
  folder: string;
}

/** Everything that can be asked with what is given; the rest is said to be unchecked. Changes nothing. */
export async function examine(examination: Examination): Promise<Finding[]> {
  const { folder } = examination;
  const clocks: ClockReading[] = [];
  const [network, databases] = await Promise.all([
    examineNetwork(examination, clocks),
    examineDatabases(examination, clocks),
  ]);
  const machine = examineMachine({ node: process.versions.node, folder });
  return [...machine, ...network, ...databases, ...examineClocks(clocks)];
}

async function examineNetwork(
  { nats, env, folder }: Examination,
  clocks: ClockReading[],
): Promise<Finding[]> {
  const findings = new Findings('nats');
  try {
    const connection = await reach(findNats({ given: nats, env, folder }));
    try {
      const { findings: seen, clock } = await examineNats(connection);
      if (clock !== undefined) clocks.push(clock);
      return [...seen, ...(await examineProcesses(connection))];
    } finally {
      await connection.close();
    }
  } catch (error) {
    tellUnreached(error, { wasGiven: isGiven({ nats, env, folder }), findings });
    return findings.all;
  }
}

async function examineProcesses(connection: NatsConnection): Promise<Finding[]> {
  const [heartbeats, relays, subscribers] = await Promise.all([
    hearHeartbeats(connection),
    collectRelayReports(connection),
    collectSubscribers(connection),
  ]);
  return [...examineRelays(relays, heartbeats), ...examineSubscribers(subscribers, heartbeats)];
}

function isGiven({ nats, env, folder }: Pick<Examination, 'nats' | 'env' | 'folder'>): boolean {
  try {
    return findNats({ given: nats, env, folder }) !== '';
  } catch {
    return false;
  }
}

function tellUnreached(
  error: unknown,
  { wasGiven, findings }: { wasGiven: boolean; findings: Findings },
): void {
  const remedy = isBanyanError(error) ? error.remedy : 'Check the address and the permissions of its user.';
  if (wasGiven) findings.fail('NATS', isBanyanError(error) ? error.rawMessage : messageOf(error), remedy);
  else
    findings.unchecked(
      'NATS',
      'no address is known: streams, relays and subscribers are not looked at',
      remedy,
    );
}

async function examineDatabases(
  { databases, env, folder }: Examination,
  clocks: ClockReading[],
): Promise<Finding[]> {
  const urls = databasesOf({ databases, env, folder });
  const seen = await Promise.all(urls.map(checkedDatabaseUrl).map(examineDatabase));
  clocks.push(...seen.flatMap(({ clock }) => clock ?? []));
  if (urls.length > 0) return seen.flatMap(({ findings }) => findings);
  const findings = new Findings('postgres');
  findings.unchecked(
    'databases',
    'no address is known',
    'Give --database-url (once for each), or set DATABASE_URL.',
  );
  return findings.all;
}

function databasesOf({
  databases,
  env,
  folder,
}: Pick<Examination, 'databases' | 'env' | 'folder'>): string[] {
  if (databases.length > 0) return [...databases];
  const named = env['DATABASE_URL'] ?? '';
  return named === '' ? findStackDatabases(folder) : [named];
}
