import { collectReports, parseEdge } from '@banyan/control';
import { connect } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/nats-core';
import { collectSubscribers } from '../backfill/targets.js';
import { collectRelayReports } from '../relay-client.js';
import type { Asked, Candidate } from './candidates.js';

/** A person waits for the list: a broker that takes longer to be reached is left alone, in ms. */
const REACH_MS = 400;
const REPORT_MS = 300;

/** The names that running processes know; none if the broker does not answer quickly. */
export async function liveNames(server: string, asked: Asked): Promise<Candidate[]> {
  try {
    const connection = await connect({ servers: server, timeout: REACH_MS, reconnect: false });
    try {
      return [...(await NAMES[asked](connection)).entries()].map(([word, about]) => ({ word, about }));
    } finally {
      await connection.close();
    }
  } catch {
    // Half a command line is no place for an error: what cannot be asked is not offered.
    return [];
  }
}

const NAMES: Record<Asked, (connection: NatsConnection) => Promise<Map<string, string>>> = {
  // Without the arrow and its blanks, which a shell would want quoted.
  edge: async (connection) => {
    const reports = await collectReports(connection, { waitMs: REPORT_MS, brief: true });
    const edges = reports.flatMap(({ edges: known }) => known);
    return new Map(edges.map(({ edge, running }) => [shellName(edge), running.stage]));
  },
  source: async (connection) => {
    const sources = (await collectRelayReports(connection)).flatMap((report) => report.sources);
    return new Map(sources.map(({ source, state }) => [source, state]));
  },
  replica: async (connection) => {
    const subscribers = await collectSubscribers(connection);
    return new Map(
      subscribers.flatMap(({ subscriber, replicas }) => replicas.map(({ table }) => [table, subscriber])),
    );
  },
};

function shellName(edge: string): string {
  const { caller, provider, method } = parseEdge(edge);
  return `${caller}:${provider}.${method}`;
}
