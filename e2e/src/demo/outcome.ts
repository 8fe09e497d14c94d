import type { CallFigures, QueryFigures, ReactionFigures } from './edge-figures.js';
import type { Ledger } from './ledger/ledger.js';
import type { GuardFigures } from './planted-fault.js';
import type { TrafficCounts } from '../traffic/traffic.js';
import type { Teller } from './teller.js';

/** A query edge before and after. */
export type MovedQuery = QueryFigures & { called: CallFigures | undefined };

/** What the demo found; printed with --json. */
export interface Outcome {
  ok: boolean;
  ledger: Ledger;
  queries: MovedQuery[];
  reactions: ReactionFigures[];
  guard: GuardFigures | undefined;
  rehearsals: number;
  relayKills: number;
  traffic: TrafficCounts & { failures: string[] };
  seconds: number;
}

/** Tells what was found, as a ledger. */
export function tellOutcome(outcome: Outcome, teller: Teller): void {
  const { ledger, queries, reactions, traffic, ok } = outcome;
  tellStreams(ledger, teller);
  tellReplicas(ledger, teller);
  tellEffects(ledger, teller);
  tellQueries(queries, teller);
  tellReactions(reactions, teller);
  teller.say(
    `traffic: ${traffic.ok} ok, ${traffic.refused} refused by a rule of the business, ` +
      `${traffic.rehearsed} in rehearsals, ${traffic.failed} failed`,
  );
  for (const failure of traffic.failures) teller.say(`  ${failure}`);
  teller.say('');
  teller.say(ok ? `✔ the books balance (${outcome.seconds} s)` : '✘ a promise was broken');
}

function tellStreams({ streams }: Ledger, teller: Teller): void {
  teller.chapter('streams', 'each against the outbox that it came from');
  const columns = [
    'committed',
    'messages',
    'duplicates',
    'gaps',
    'brokenLinks',
    'inversions',
    'missing',
    'unknown',
  ] as const;
  teller.table([
    ['source', ...columns],
    ...Object.entries(streams).map(([source, report]) => [
      source,
      ...columns.map((column) => report[column]),
    ]),
  ]);
}

function tellReplicas({ replicas }: Ledger, teller: Teller): void {
  teller.chapter('replicas', 'each row against its source');
  const columns = ['sourceRows', 'replicaRows', 'missing', 'extra', 'different'] as const;
  teller.table([
    ['replica', ...columns],
    ...Object.entries(replicas).map(([name, report]) => [name, ...columns.map((column) => report[column])]),
  ]);
}

function tellEffects({ effects }: Ledger, teller: Teller): void {
  const { projects, miscounted, archived, unarchived, left, stillAssigned } = effects;
  teller.chapter('effects', 'what reactions had to do, each once');
  teller.table([
    ['effect', 'of', 'off'],
    ['open tasks counted, in projects', projects, miscounted],
    ['tasks archived, of archived projects', archived, unarchived],
    ['tasks unassigned, of members who left', left, stillAssigned],
  ]);
}

function tellQueries(queries: readonly MovedQuery[], teller: Teller): void {
  teller.chapter('query edges', 'what an answer cost as a call, and costs from the replica');
  const fields = ['equal', 'late', 'wrong', 'unjudged'] as const;
  teller.table([
    ['edge', 'stage', 'call p50 ms', 'now p50 ms', 'call p99 ms', 'now p99 ms', ...fields],
    ...queries.map(({ called, now, ...figures }) => [
      figures.edge,
      figures.stage,
      called?.p50Ms ?? 0,
      now.p50Ms,
      called?.p99Ms ?? 0,
      now.p99Ms,
      ...fields.map((field) => figures[field]),
    ]),
  ]);
  teller.say(
    'wrong: of the damaged replica, until the guard had acted; or later than the deadline of a comparison',
  );
}

function tellReactions(reactions: readonly ReactionFigures[], teller: Teller): void {
  teller.chapter('reaction edges', 'effects by what brought them; what came second was turned away');
  const fields = ['byCall', 'byEvent', 'repeated'] as const;
  teller.table([
    ['edge', 'stage', ...fields],
    ...reactions.map((figures) => [figures.edge, figures.stage, ...fields.map((field) => figures[field])]),
  ]);
}
