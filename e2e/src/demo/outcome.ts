import type { StageFigures } from './evidence.js';
import type { Ledger } from './ledger/ledger.js';
import type { Teller } from './teller.js';

/** What the demo found; printed with --json. */
export interface Outcome {
  ok: boolean;
  edge: string;
  ledger: Ledger;
  stages: StageFigures[];
  traffic: { ok: number; refused: number; failed: number; failures: string[] };
  relayKills: number;
  seconds: number;
}

/** Tells what was found, as a ledger. */
export function tellOutcome(outcome: Outcome, teller: Teller): void {
  const { ledger, stages, traffic, ok } = outcome;
  teller.chapter('ledger', 'each stream against the outbox that it came from');
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
    ...Object.entries(ledger.streams).map(([source, report]) => [
      source,
      ...columns.map((column) => report[column]),
    ]),
  ]);
  tellReplicas(ledger, teller);
  tellEffects(ledger, teller);
  teller.chapter('stages', outcome.edge);
  const fields = [
    'calls',
    'byReplica',
    'failed',
    'p50Ms',
    'p99Ms',
    'equal',
    'late',
    'wrong',
    'unjudged',
  ] as const;
  teller.table([
    ['stage', ...fields],
    ...stages.map((figures) => [figures.stage, ...fields.map((field) => figures[field])]),
  ]);
  teller.say(
    `traffic: ${traffic.ok} ok, ${traffic.refused} refused by a rule of the business, ${traffic.failed} failed`,
  );
  for (const failure of traffic.failures) teller.say(`  ${failure}`);
  teller.say('');
  teller.say(ok ? `✔ the books balance (${outcome.seconds} s)` : '✘ a promise was broken');
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
