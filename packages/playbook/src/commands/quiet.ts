import type { Command } from 'commander';
import { LEDGER_KEEP_MS } from '@banyan/control';
import { BanyanError } from '@banyan/runtime';
import { reach } from '../control-plane.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import { findNats } from '../find-nats.js';
import { askQuiet, type QuietAnswer } from '../quiet/ask-quiet.js';
import { showQuiet } from '../quiet/show-quiet.js';
import { duration, EDGE_ARGUMENT, userName, type Surroundings } from './command-options.js';

const EXAMPLES = `
Examples:
  banyan quiet "tasks -> projects.GetProject"
  banyan quiet tasks:projects.GetProject --for 7d
  banyan quiet tasks:projects.GetProject --except 3f9a1c2e --json      that process is gone for sure

Proven only if each process of the provider that was ever heard of has counted for the whole time and answers now. The proof is
recorded; a later call refutes it. See docs/discovery.md.
Exit codes: 0 proven; 1 somebody called; 2 it cannot be said, and what is missing.`;

const HOUR_MS = 3_600_000;
/** Records of processes that have ended are kept for longer, but not much. */
const MAX_MS = LEDGER_KEEP_MS - 2 * 86_400_000;

interface QuietOptions {
  nats?: string;
  json?: boolean;
  for: number;
  except: string[];
  by?: string;
}

/** `banyan quiet <edge>`: proves that nobody has called for a time, names who did, or says why it cannot be said. */
export function addQuiet(program: Command, surroundings: Surroundings): void {
  program
    .command('quiet')
    .description('proves that nobody has called on an edge for a time, or names who did')
    .argument('<edge...>', EDGE_ARGUMENT)
    .option('--nats <url>', 'NATS address; else NATS_URL, else the nearest .banyan/dev.json')
    .option('--json', 'print one JSON object on standard output')
    .option(
      '--for <duration>',
      'how long nobody must have called, as in 1h or 7d; at most 30d',
      duration,
      HOUR_MS,
    )
    .option(
      '--except <processes>',
      'gone, or serving nothing, as you say, with commas between them',
      list,
      [],
    )
    .option('--by <name>', 'who asks; default: your user name')
    .addHelpText('after', EXAMPLES)
    .action(async (words: string[], options: QuietOptions) => {
      if (options.for > MAX_MS)
        throw new BanyanError('BANYAN_OPTION_INVALID', '--for is above 30d: what ended before is forgotten');
      const connection = await reach(findNats({ given: options.nats, ...surroundings }));
      try {
        const { for: forMs, except, by = userName(surroundings.env) } = options;
        tell(await askQuiet(connection, { edge: words.join(' '), forMs, except, by }), options, surroundings);
      } finally {
        await connection.close();
      }
    });
}

const CODES: Record<QuietAnswer['verdict']['outcome'], ExitCode> = {
  proven: EXIT.done,
  called: EXIT.failed,
  'not-enough': EXIT.notYet,
};

function tell(answer: QuietAnswer, { json }: QuietOptions, { terminal, ended }: Surroundings): void {
  const { verdict, ...asked } = answer;
  if (json === true) terminal.out(JSON.stringify({ ok: verdict.outcome === 'proven', ...asked, ...verdict }));
  else for (const line of showQuiet(answer, Date.now())) terminal.out(line);
  ended(CODES[verdict.outcome]);
}

const list = (written: string): string[] => written.split(',').map((each) => each.trim());
