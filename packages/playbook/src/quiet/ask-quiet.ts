import type { NatsConnection } from '@nats-io/nats-core';
import {
  AuditLog,
  callsOf,
  collectReports,
  LedgerStore,
  Look,
  methodOf,
  overviewsOf,
  parseEdge,
  providerOf,
  quietVerdict,
  StageStore,
  type QuietProof,
  type QuietQuestion,
  type QuietVerdict,
} from '@banyan/control';
import { knownEdge } from '../control-plane.js';

/** What was asked, by whom, and what came of it. */
export interface QuietAnswer {
  edge: string;
  forMs: number;
  verdict: QuietVerdict;
  /** The proof that was there before, perhaps refuted since. */
  earlier: QuietProof | null;
}

/** Processes that are busy must not be taken for gone, in ms. */
const WAIT_MS = 1_000;

/**
 * Asks all books whether nobody has called. A proof is kept, and audited: the provider's processes then tell of the next call.
 *
 * @throws BANYAN_EDGE_INVALID if nobody knows of the edge: no call of it would prove nothing
 */
export async function askQuiet(
  connection: NatsConnection,
  asked: QuietQuestion & { by: string },
): Promise<QuietAnswer> {
  const look = new Look(await collectReports(connection, { waitMs: WAIT_MS, ledgers: true }));
  const edge = knownEdge(await edgesOf(connection, look), asked.edge);
  const { provider } = parseEdge(edge);
  const store = await LedgerStore.open(connection);
  const [servers, proofs] = await Promise.all([store.servers(provider), store.proofs(provider)]);
  const earlier = proofs.find((proof) => proof.edge === edge);
  const question = { ...asked, edge };
  const verdict = quietVerdict(question, { look, servers, proof: earlier, nowMs: Date.now() });
  if (verdict.outcome === 'proven') await keep(connection, store, proofOf(question, look, asked.by));
  return { edge, forMs: asked.forMs, verdict, earlier: earlier ?? null };
}

/** Edges that were declared, and calls that are none. */
async function edgesOf(connection: NatsConnection, look: Look): Promise<string[]> {
  const records = await (await StageStore.open(connection)).list();
  const declared = overviewsOf({ records, reports: look.processes }).map(({ edge }) => edge);
  const nameOf = (caller: string, path: string): string =>
    `${caller} -> ${providerOf(path, look)}.${methodOf(path)}`;
  const sent = [...look.clients.values()].flatMap(({ process, methods }) =>
    methods.map(({ path }) => nameOf(process.service, path)),
  );
  const received = [...look.servers.values()].flatMap(({ callers }) =>
    callers.map(({ caller, path }) => nameOf(caller, path)),
  );
  return [...new Set([...declared, ...sent, ...received])];
}

function proofOf({ edge, forMs, except }: QuietQuestion, look: Look, by: string): QuietProof {
  const { provider } = parseEdge(edge);
  const books = [...look.servers.values()].filter(({ process }) => process.service === provider);
  const calls = Object.fromEntries(books.map((book) => [book.id, callsOf(edge, book)]));
  return { edge, at: new Date().toISOString(), by, forMs, calls, except: [...except] };
}

/** Audited first, as all that is done. */
async function keep(connection: NatsConnection, store: LedgerStore, proof: QuietProof): Promise<void> {
  const { edge, at, by, forMs, calls, except } = proof;
  const why = `nobody had called for ${forMs} ms, as ${Object.keys(calls).length} processes have counted`;
  const details = { forMs, calls, except };
  await new AuditLog(connection).append({ kind: 'quiet', about: edge, at, by, why, to: 'quiet', details });
  await store.putProof(proof);
}
