import { connect } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  collectReports,
  defaultTerms,
  overviewsOf,
  parseEdge,
  readProofs,
  StageStore,
  type EdgeOverview,
  type GateTermsFor,
  type ProcessReport,
  type QuietProof,
  type StageRecord,
} from '@banyan/control';
import { BanyanError, isBanyanError, messageOf, nearestName } from '@banyan/runtime';

/** What the control plane knows at one moment. */
export interface ControlPlane {
  connection: NatsConnection;
  records: StageRecord[];
  /** What each process says of itself. */
  reports: ProcessReport[];
  /** That nobody calls, as it was proven, of edges that may be retired. */
  proofs: QuietProof[];
  /** Edges with a record, and edges that a process reports. */
  edges: EdgeOverview[];
}

/** Connects, asks bucket and processes, and hands both to `use`; disconnects after. */
export async function withControlPlane<T>(
  server: string,
  termsFor: GateTermsFor,
  use: (plane: ControlPlane) => Promise<T>,
): Promise<T> {
  const connection = await reach(server);
  try {
    return await use(await lookAt(connection, termsFor));
  } finally {
    await connection.close();
  }
}

/**
 * Asks bucket and processes once.
 *
 * @param termsFor by which settings gates judge; default: their own
 */
export async function lookAt(
  connection: NatsConnection,
  termsFor: GateTermsFor = defaultTerms,
): Promise<ControlPlane> {
  return under(await askOnce(connection), termsFor);
}

/** What bucket and processes said at one moment, whatever gates make of it. */
export type Answers = Omit<ControlPlane, 'edges'>;

export async function askOnce(connection: NatsConnection): Promise<Answers> {
  const store = await StageStore.open(connection);
  const [records, reports] = await Promise.all([store.list(), collectReports(connection)]);
  return { connection, records, reports, proofs: await readProofs(connection, { records, reports }) };
}

/** The same answers as gates with these settings judge them. */
export function under(answers: Answers, termsFor: GateTermsFor): ControlPlane {
  return { ...answers, edges: overviewsOf(answers, termsFor) };
}

/**
 * Connects to NATS for one command.
 *
 * @param reconnect for one that is to outlive the broker
 * @throws BANYAN_CONTROL_UNREACHABLE
 */
export async function reach(server: string, { reconnect = false } = {}): Promise<NatsConnection> {
  try {
    return await connect({
      servers: server,
      name: 'banyan',
      timeout: 3_000,
      reconnect,
      maxReconnectAttempts: -1,
    });
  } catch (error) {
    const address = server.replace(/\/\/[^@/]*@/, '//');
    throw new BanyanError('BANYAN_CONTROL_UNREACHABLE', `NATS at ${address}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * The edge that was meant.
 *
 * @throws BANYAN_EDGE_INVALID if it is no edge, or none that is known, with the nearest one
 */
export function findEdge(edges: readonly EdgeOverview[], written: string): EdgeOverview {
  const known = edges.map(({ edge }) => edge);
  const name = knownEdge(known, written);
  const found = edges.find(({ edge }) => edge === name);
  if (found === undefined) throw new BanyanError('BANYAN_EDGE_INVALID', `${name} is no known edge`);
  return found;
}

/**
 * The name of the edge that was meant, among those that are known.
 *
 * @throws BANYAN_EDGE_INVALID if it is no edge, or none of them, with the nearest one
 */
export function knownEdge(known: readonly string[], written: string): string {
  const name = canonical(written);
  if (name !== undefined && known.includes(name)) return name;
  const near = nearestName(name ?? written, known);
  const list =
    known.length === 0 ? 'no edge is known: does any process run?' : `known are ${known.join(', ')}`;
  const hint = near === undefined ? list : `did you mean '${near}'?`;
  throw new BanyanError('BANYAN_EDGE_INVALID', `${JSON.stringify(written)} is no known edge: ${hint}`, {
    remedy: `Quote the edge, for the shell takes > for itself: 'tasks -> projects.GetProject'; or write tasks:projects.GetProject.`,
  });
}

function canonical(written: string): string | undefined {
  try {
    return parseEdge(written).text;
  } catch (error) {
    if (isBanyanError(error, 'BANYAN_EDGE_INVALID')) return undefined;
    throw error;
  }
}
