import type { NatsConnection } from '@nats-io/nats-core';
import {
  balance,
  callGraph,
  collectBooks,
  overviewsOf,
  parseEdge,
  StageStore,
  type Books,
  type EdgeKind,
  type EdgeOverview,
  type Finding,
  type GraphCall,
  type Stage,
} from '@banyan/control';

/** A line of the call graph, and what Banyan knows of it. */
export interface DiscoveredCall extends Omit<GraphCall, 'path' | 'lastAgoMs'> {
  /** null: only the edge is known, nobody has called. */
  path: string | null;
  lastAgoMs: number | null;
  /** The edge that it is; null: none is declared. */
  edge: { kind: EdgeKind; stage: Stage } | null;
}

/** All that the ledgers of a system say. */
export interface Discovery {
  windowMs: number;
  calls: DiscoveredCall[];
  findings: Finding[];
  processes: DiscoveredProcess[];
}

export interface DiscoveredProcess {
  service: string;
  instance: string;
  /** Which ledgers it keeps; false of both: none, or its version knows of none. */
  keeps: { client: boolean; server: boolean };
}

/** Looks at all books twice, and brings them together. @throws BANYAN_CONTROL_UNREACHABLE */
export async function discover(connection: NatsConnection, forMs: number): Promise<Discovery> {
  const books = await collectBooks(connection, { forMs });
  const records = await (await StageStore.open(connection)).list();
  const edges = overviewsOf({ records, reports: books.closing.processes });
  return {
    windowMs: Math.round(books.windowMs),
    calls: withEdges(callGraph(books), edges),
    findings: balance(books),
    processes: processesOf(books),
  };
}

function withEdges(calls: readonly GraphCall[], edges: readonly EdgeOverview[]): DiscoveredCall[] {
  const nameOf = ({ caller, provider, method }: GraphCall): string => `${caller} -> ${provider}.${method}`;
  const called = calls.map((call): DiscoveredCall => {
    const found = edges.find(({ edge }) => edge === nameOf(call));
    return { ...call, edge: found === undefined ? null : { kind: found.kind, stage: found.stage } };
  });
  const names = new Set(calls.map(nameOf));
  const uncalled = edges.filter(({ edge }) => !names.has(edge)).map(uncalledOf);
  return [...called, ...uncalled].sort((a, b) => a.caller.localeCompare(b.caller));
}

function uncalledOf({ edge, kind, stage }: EdgeOverview): DiscoveredCall {
  const { caller, provider, method } = parseEdge(edge);
  const counts = { sent: null, received: null, inWindow: 0, lastAgoMs: null, ended: {}, versions: [] };
  return { caller, provider, method, path: null, ...counts, edge: { kind, stage } };
}

function processesOf({ closing }: Books): DiscoveredProcess[] {
  return closing.processes.map(({ service, instance, ledger }) => {
    const keeps = { client: ledger?.client !== undefined, server: ledger?.server !== undefined };
    return { service, instance, keeps };
  });
}
