import { Option, type Command } from 'commander';
import { reach } from '../control-plane.js';
import { discover, type Discovery } from '../discover/discovery.js';
import { mermaid } from '../discover/mermaid.js';
import { showGraph } from '../discover/show-graph.js';
import { EXIT } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { duration, type Surroundings } from './command-options.js';

const EXAMPLES = `
Examples:
  banyan discover                        who calls whom, and what goes past its edge or its ledger
  banyan discover --for 1m               looks on for a minute: rare calls show too
  banyan discover --mermaid > calls.mmd
  banyan discover --json

Only what has been called since the processes began is known. See docs/discovery.md.`;

interface DiscoverOptions {
  nats?: string;
  json?: boolean;
  mermaid?: boolean;
  for: number;
}

/** `banyan discover`: the call graph as callers and providers have booked it, and where the two do not agree. Changes nothing. */
export function addDiscover(program: Command, surroundings: Surroundings): void {
  program
    .command('discover')
    .description('who calls whom, which of it are edges, and what goes past them')
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--for <duration>', 'how long to look on, as in 5s or 1m', duration, 5_000)
    .addOption(new Option('--json', 'print one JSON object on standard output').conflicts('mermaid'))
    .option('--mermaid', 'print the graph for Mermaid')
    .addHelpText('after', EXAMPLES)
    .action(async (options: DiscoverOptions) => {
      const connection = await reach(findNats({ given: options.nats, ...surroundings }));
      try {
        tell(await discover(connection, options.for), options, surroundings);
      } finally {
        await connection.close();
      }
    });
}

function tell(found: Discovery, options: DiscoverOptions, { terminal, ended }: Surroundings): void {
  if (options.json === true) terminal.out(JSON.stringify({ ok: true, ...found }));
  else for (const line of options.mermaid === true ? mermaid(found) : showGraph(found)) terminal.out(line);
  ended(EXIT.done);
}
