import { Command } from 'commander';
import { messageOf } from '@banyan/runtime';
import { backfillCase } from './cases/backfill.js';
import { backlogCase } from './cases/backlog.js';
import { edgeCase } from './cases/edge.js';
import { flipCase } from './cases/flip.js';
import { idleCase } from './cases/idle.js';
import { latencyCase } from './cases/latency.js';
import { peersCase } from './cases/peers.js';
import { pushCase } from './cases/push.js';
import { relayCase } from './cases/relay.js';
import { shadowCase } from './cases/shadow.js';
import { subscriberCase } from './cases/subscriber.js';
import { writerCostCase } from './cases/writer-cost.js';
import type { BenchCase, BenchResult } from './result.js';

const CASES: readonly BenchCase[] = [
  relayCase,
  edgeCase,
  peersCase,
  latencyCase,
  subscriberCase,
  writerCostCase,
  backfillCase,
  backlogCase,
  idleCase,
  shadowCase,
  flipCase,
  pushCase,
];

const list = CASES.map(({ name, about }) => `  ${name.padEnd(12)}${about}`).join('\n');

const program = new Command('npm run bench --')
  .description('Measures one of the paths that matter, on embedded PostgreSQL and NATS.')
  .argument('<case>', 'which one')
  .option('--json', 'print one JSON object as the last line')
  .option('--rounds <n>', 'counted rounds, both sides in each', '5')
  .option('--shards <n>', 'relay: also drain by so many shards, each with a process, against one', '1')
  .option('--rows <n>', 'backfill: rows of the table', '1000000')
  .addHelpText('after', `\nCases:\n${list}\n\nExample:\n  npm run bench -- relay --json`)
  .action(async (name: string, options: { json?: boolean; rounds: string; shards: string; rows: string }) => {
    const result = await caseNamed(name).run({
      rounds: Number(options.rounds),
      shards: Number(options.shards),
      rows: Number(options.rows),
      say: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(options.json === true ? `${JSON.stringify(result)}\n` : textOf(result));
  });

function caseNamed(name: string): BenchCase {
  const found = CASES.find((each) => each.name === name);
  return found ?? program.error(`unknown case ${name}; there are:\n${list}`);
}

function textOf(result: BenchResult): string {
  const { value, unit, reference, ratio, target, met } = result;
  const verdict = met ? 'met' : 'not met';
  return `${result.case}: ${value} ${unit}; reference ${reference} ${unit}; ratio ${ratio}, target ${target}: ${verdict}\n`;
}

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
});
