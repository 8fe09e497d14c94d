import { Option, type Command } from 'commander';
import { parseEdge, type CalibrationReport, type EdgeFound } from '@banyan/control';
import { wait } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { reach } from '../control-plane.js';
import { giveEdge, processesOf } from '../edge-processes.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { NotYet } from '../not-yet.js';
import { calibrationLines, proposedRules } from '../show-mismatch.js';
import { EDGE_ARGUMENT, wholeNumber, type Surroundings } from './command-options.js';

const POLL_MS = 250;

const EXAMPLES = `
Examples:
  banyan calibrate "tasks -> projects.GetProject"
  banyan calibrate tasks:projects.GetProject --samples 200 --timeout 60000 --json

For so many of its next calls one process asks the provider a second time, after the caller has its answer. That needs
calls that reach the provider: none do at the stage replica.

Exit codes: 0 done; 1 failed; 2 not enough calls came in time (what was found so far is shown).`;

interface CalibrateOptions {
  nats?: string;
  json?: boolean;
  samples: number;
  timeout: number;
}

/** `banyan calibrate <edge>`: which fields the provider itself answers now so, now otherwise, and the rules against it. */
export function addCalibrate(program: Command, surroundings: Surroundings): void {
  program
    .command('calibrate')
    .description('compare the provider with itself, and propose rules for the fields that differ')
    .argument('<edge...>', EDGE_ARGUMENT)
    .addOption(new Option('--samples <n>', 'calls to ask twice').default(50).argParser(wholeNumber))
    .addOption(
      new Option('--timeout <ms>', 'how long to wait for so many calls')
        .default(30_000)
        .argParser(wholeNumber),
    )
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', EXAMPLES)
    .action((words: string[], options: CalibrateOptions) =>
      calibrate(words.join(' '), options, surroundings),
    );
}

async function calibrate(
  written: string,
  options: CalibrateOptions,
  surroundings: Surroundings,
): Promise<void> {
  const edge = parseEdge(written).text;
  const { terminal, ended } = surroundings;
  const connection = await reach(findNats({ given: options.nats, ...surroundings }));
  try {
    const report = await measured(connection, edge, options);
    const isDone = report.state === 'done';
    if (options.json === true) {
      terminal.out(JSON.stringify({ ok: isDone, edge, ...report, proposed: proposedRules(report) }));
    } else for (const line of calibrationLines(edge, report)) terminal.out(line);
    ended(isDone ? EXIT.done : EXIT.notYet);
  } finally {
    await connection.close();
  }
}

/** Starts it in every process, and waits for the first that has its samples; after the timeout for the one with the most. */
async function measured(
  connection: NatsConnection,
  edge: string,
  { samples, timeout }: CalibrateOptions,
): Promise<CalibrationReport> {
  const processes = await processesOf(connection, edge);
  const untilMs = performance.now() + timeout;
  let best = mostOf(await askEach(connection, processes, { do: 'calibrate', samples }));
  while (best?.state !== 'done' && performance.now() < untilMs) {
    await wait(POLL_MS);
    best = mostOf(await askEach(connection, processes, { do: 'calibration' }));
  }
  if (best === undefined)
    throw new NotYet(`the processes that have ${edge} have gone`, 'Ask again once they have come back.');
  return best;
}

async function askEach(
  connection: NatsConnection,
  processes: readonly EdgeFound[],
  task: { do: 'calibrate'; samples: number } | { do: 'calibration' },
): Promise<CalibrationReport[]> {
  const answers = await Promise.all(
    processes.map((process) => giveEdge<CalibrationReport>(connection, process, task)),
  );
  return answers.filter((answer) => answer !== undefined);
}

function mostOf(reports: readonly CalibrationReport[]): CalibrationReport | undefined {
  return reports.toSorted((a, b) => b.samples - a.samples)[0];
}
