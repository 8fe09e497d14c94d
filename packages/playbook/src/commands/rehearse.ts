import { Option, type Command } from 'commander';
import { reach } from '../control-plane.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { rehearse } from '../rehearse/rehearse.js';
import { rehearsalText } from '../rehearse/show-rehearsal.js';
import { durationOption } from './apply-context.js';
import {
  EDGE_ARGUMENT,
  isWanted,
  shareOf,
  userName,
  wholeNumber,
  type Surroundings,
} from './command-options.js';

const EXAMPLES = `
The edge's own processes refuse the way to the provider, each call at once and for this time only: they end it by themselves,
whatever becomes of this command. Only this edge is cut off, and callers of other processes than Banyan's are not. Of a
reaction at \`event\` the receiver refuses calls, and its events alone bring effects.

Examples:
  banyan rehearse "tasks -> projects.GetProject"                 says what it would do, asks at a terminal
  banyan rehearse tasks:projects.GetProject --for 30s --yes
  banyan rehearse tasks:projects.GetProject --max-errors 0.01% --min-calls 1000 --yes

Exit codes: 0 the callers held their error budget; 1 they did not; 2 not yet: too few calls to say.`;

interface RehearseCommandOptions {
  nats?: string;
  json?: boolean;
  yes?: boolean;
  for: number;
  maxErrors: number;
  minCalls: number;
  by?: string;
  force?: boolean;
}

/** `banyan rehearse <edge>`: cuts the provider off from its callers, and sees whether they hold. */
export function addRehearse(program: Command, surroundings: Surroundings): void {
  program
    .command('rehearse')
    .description('cut the provider off from an edge for a time, on purpose; the callers must hold')
    .argument('<edge...>', EDGE_ARGUMENT)
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print one JSON object on standard output')
    .option('--yes', 'do it; without it the command says what it would do')
    .addOption(new Option('--for <duration>', 'how long').default(10_000, '10s').argParser(durationOption))
    .addOption(
      new Option('--max-errors <share>', 'how many of the calls may fail')
        .default(0.001, '0.1%')
        .argParser(shareOf),
    )
    .addOption(
      new Option('--min-calls <n>', 'with fewer calls nothing is said').default(10).argParser(wholeNumber),
    )
    .option('--by <name>', 'who does it; default: your user name')
    .option('--force', 'also at stages where every call fails: an outage')
    .addHelpText('after', EXAMPLES)
    .action((words: string[], options: RehearseCommandOptions) =>
      run(words.join(' '), options, surroundings),
    );
}

async function run(edge: string, options: RehearseCommandOptions, surroundings: Surroundings): Promise<void> {
  const { terminal, ended, env } = surroundings;
  const { for: forMs, maxErrors, minCalls, force = false, by = userName(env) } = options;
  if (options.json !== true)
    terminal.out(
      `${edge}: its provider is cut off for ${forMs / 1000} s; ${maxErrors * 100} % of the calls may fail`,
    );
  if (!(await isWanted(options, terminal))) {
    if (options.json === true)
      terminal.out(JSON.stringify({ ok: true, done: false, edge, forMs, maxErrors }));
    else terminal.out('Nothing was done. Add --yes to do it.');
    ended(EXIT.notYet);
    return;
  }
  const connection = await reach(findNats({ given: options.nats, ...surroundings }));
  const signal = terminal.interrupted?.();
  try {
    const record = await rehearse({
      ...{ connection, edge, forMs, maxErrors, minCalls, by, force },
      ...(signal === undefined ? {} : { signal }),
      onProgress: ({ calls, failed, leftMs }) =>
        terminal.progress?.(`${Math.ceil(leftMs / 1000)} s left; ${failed} of ${calls} calls failed`),
    });
    terminal.progress?.('');
    if (options.json === true)
      terminal.out(JSON.stringify({ ok: record.outcome !== 'failed', rehearsal: record }));
    else terminal.out(`${record.edge}: ${rehearsalText(record)}`);
    ended({ passed: EXIT.done, failed: EXIT.failed, 'not-enough': EXIT.notYet }[record.outcome]);
  } finally {
    await connection.close();
  }
}
