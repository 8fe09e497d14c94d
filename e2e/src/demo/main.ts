import type { Plan } from '@banyan/playbook';
import { isBanyanError, messageOf } from '@banyan/runtime';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { DevFile } from '../dev-file.js';
import { outliveReaders } from '../outlive-readers.js';
import { ROOT } from '../root.js';
import { MigratedSystem } from '../system.js';
import { Clients } from '../traffic/clients.js';
import { Traffic } from '../traffic/traffic.js';
import { untilSignal } from '../until-signal.js';
import { DemoPlaybook } from './demo-plan.js';
import { queryFigures, reactionFigures, readEdges, type CallFigures } from './edge-figures.js';
import { isLedgerBalanced, readLedger } from './ledger/ledger.js';
import { HELP, readOptions, type Options } from './options.js';
import { settle } from './settle.js';
import { Story } from './story.js';
import { Teller } from './teller.js';
import { tellOutcome, type Outcome } from './outcome.js';

/** How long what is still under way at the end may take, in ms: a busy machine is slow, and no promise is about that. */
const SETTLED_WITHIN_MS = 120_000;

async function main(options: Options): Promise<boolean> {
  const playbook = new DemoPlaybook(options.pace);
  try {
    return await (options.keep ? runKept(options, playbook) : run(options, { playbook }));
  } finally {
    playbook.remove();
  }
}

async function runKept(options: Options, playbook: DemoPlaybook): Promise<boolean> {
  const file = await DevFile.claim(ROOT);
  try {
    return await run(options, { playbook, file });
  } finally {
    await file.release();
  }
}

interface DemoFiles {
  playbook: DemoPlaybook;
  /** Tells others where the system is, if it is to be kept running at the end. */
  file?: DevFile;
}

async function run(options: Options, { playbook, file }: DemoFiles): Promise<boolean> {
  const startMs = performance.now();
  const teller = new Teller((text) => (options.json ? process.stderr : process.stdout).write(text));
  const signal = untilSignal();
  const system = await MigratedSystem.start({ playbook: playbook.file, log: (line) => teller.say(line) });
  try {
    const ended = await Promise.race([play(system, teller, { ...options, plan: playbook.plan() }), signal]);
    if (typeof ended === 'string') throw new Error(`ended by ${ended}`);
    const outcome = { ...ended, seconds: Math.round((performance.now() - startMs) / 1000) };
    tellOutcome(outcome, teller);
    if (options.json) process.stdout.write(`${JSON.stringify(outcome)}\n`);
    if (file !== undefined) await keep(system, { file, teller, signal });
    return outcome.ok;
  } finally {
    await system.stop();
  }
}

async function play(
  system: MigratedSystem,
  teller: Teller,
  { seed, shownMs, plan }: Options & { plan: Plan },
): Promise<Omit<Outcome, 'seconds'>> {
  const nats = await connect({ servers: system.natsUrl });
  const clients = new Clients(system.addresses, 'demo');
  const traffic = new Traffic({ clients, users: 12, pauseMs: 40, seed });
  try {
    teller.say('making teams, members and projects');
    await traffic.world.seed(4, 60);
    traffic.start();
    const story = new Story({ system, nats, traffic, teller, shownMs, plan });
    const told = await story.tell();
    await traffic.stop();
    await settle(system, SETTLED_WITHIN_MS);
    const { calls, ...rest } = told;
    const figures = { ...(await edgesNow(nats, calls)), ledger: await readLedger(system, nats), ...rest };
    const ok = isLedgerBalanced(figures.ledger) && traffic.counts.failed === 0 && isMigrated(figures);
    return { ok, ...figures, traffic: { ...traffic.counts, failures: traffic.failures } };
  } finally {
    await traffic.stop();
    clients.close();
    await nats.close();
  }
}

/** @param called what each edge's calls cost before */
async function edgesNow(nats: NatsConnection, called: ReadonlyMap<string, CallFigures>) {
  const edges = await readEdges(nats);
  const queries = edges.flatMap((edge) => (edge.kind === 'query' ? (queryFigures(edge) ?? []) : []));
  const reactions = edges.flatMap((edge) => (edge.kind === 'reaction' ? reactionFigures(edge) : []));
  return { queries: queries.map((each) => ({ ...each, called: called.get(each.edge) })), reactions };
}

/** Every edge stands at the end of its ladder, and the guard has acted. */
function isMigrated({
  queries,
  reactions,
  guard,
}: Pick<Outcome, 'queries' | 'reactions' | 'guard'>): boolean {
  const atReplica = queries.every(({ stage }) => stage === 'replica');
  const atEvent = reactions.every(({ stage }) => stage === 'event');
  return guard !== undefined && queries.length === 4 && reactions.length === 3 && atReplica && atEvent;
}

async function keep(
  system: MigratedSystem,
  { file, teller, signal }: { file: DevFile; teller: Teller; signal: Promise<NodeJS.Signals> },
): Promise<void> {
  await file.follow(system, (line) => teller.say(line));
  teller.say(`dashboard at ${system.dashboardUrl}`);
  teller.say('everything keeps running: try `npx banyan status`. Ctrl-C stops it.');
  await signal;
  await file.withdraw();
}

function fail(error: unknown): void {
  const remedy = isBanyanError(error) ? error.remedy : '';
  process.stderr.write(`${messageOf(error)}\n${remedy === '' ? '' : `${remedy}\n`}`);
  if (!process.argv.includes('--json')) return;
  const code = isBanyanError(error) ? error.code : 'UNEXPECTED';
  process.stdout.write(
    `${JSON.stringify({ ok: false, error: { code, message: messageOf(error), remedy } })}\n`,
  );
}

outliveReaders();
try {
  const options = readOptions();
  if (options === 'help') process.stdout.write(HELP);
  else process.exit((await main(options)) ? 0 : 1);
} catch (error) {
  fail(error);
  process.exit(1);
}
