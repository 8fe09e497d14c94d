import { parseArgs } from 'node:util';
import { EDGE } from './story.js';

export const HELP = `npm run demo: moves ${EDGE} from a gRPC call to a local replica fed by events, under load,
with the relay killed on the way, and checks that the books balance. About a minute. Exits with 1 if any promise fails.

  --json         print one JSON object as the last line (all else goes to stderr)
  --keep         leave everything running at the end, until Ctrl-C; npx banyan finds it
  --quick        show each stage for a moment only, and ask for fewer comparisons before each step
  --seed <n>     of the traffic (default 1)
`;

export interface Options {
  json: boolean;
  keep: boolean;
  seed: number;
  /** How long each stage is shown, in ms. */
  shownMs: number;
  /** The share of the answers that may differ, of which the gates have to be sure. */
  maxDisagreement: number;
}

/**
 * What the command line asks for, or that it asks for help.
 *
 * @throws Error that names what is wrong with it
 */
export function readOptions(): Options | 'help' {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { json, keep, quick, seed, help } = values;
  if (help) return 'help';
  if (!/^\d{1,9}$/.test(seed)) throw new Error(`--seed must be a whole number, not ${JSON.stringify(seed)}`);
  const pace = quick ? { shownMs: 500, maxDisagreement: 0.09 } : { shownMs: 5000, maxDisagreement: 0.02 };
  return { json, keep, seed: Number(seed), ...pace };
}
